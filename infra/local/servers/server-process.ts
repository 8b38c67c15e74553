// A server that is not ours (NATS, Kafka, DynamoDB Local) as a process of this machine:
//
//   spawned in a group of its own, out of Ctrl-C's reach, its output in a file ─► asked until it answers ─► stopped, or it died
//
// A file, not a pipe: a server that outlives us must not fail at its next line of log. Its environment carries a mark, by
// which a later run finds what this one left behind (orphans.ts).

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { turnOver } from '../../node/log-file.ts';
import { MARK } from './orphans.ts';

const POLL_MS = 20;
const READY_MS = 60_000;
const STOP_MS = 5_000;
const KILL_MS = 2_000;
const LOG_TAIL_LINES = 8;

/** Something that runs and can end; what the supervisor watches over. */
export type Running = {
  /** Of the process to watch; undefined for a server that is somebody else's. */
  readonly pid: number | undefined;
  /** Resolves when it has ended, with how: "was ended by SIGKILL". Never rejects. */
  readonly exited: Promise<string>;
  /** Asks it to end and makes it if it does not. Safe to call twice. Never rejects. */
  stop(): Promise<void>;
};

export type ServerOptions = {
  /** For messages: "NATS". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Everything it writes is appended here; the folder is made. */
  readonly logFile: string;
  /** Whether it serves; asked again and again until it does. A rejection is a no. */
  readonly isReady: () => Promise<boolean>;
  /** By which it is found should it outlive us; see `markOf`. */
  readonly mark: string;
  /** Added to PATH, HOME and JAVA_HOME, which are all it gets of ours. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal | undefined;
  /** How long the start may take; default 60,000. */
  readonly readyMs?: number;
  /** How long it may take to end before it is killed; default 5,000. */
  readonly stopMs?: number;
  /** Called with the process before it is ready, for one that must be given something. */
  readonly onSpawn?: (child: ChildProcess) => void;
  /** Opens a channel for messages to a Node program. */
  readonly ipc?: boolean;
};

/**
 * Starts a server and waits until it serves.
 * @throws Error when it does not: how it ended and the end of its log
 */
export async function startServer(options: ServerOptions): Promise<Running & { readonly pid: number }> {
  const { name, logFile, isReady, readyMs = READY_MS, stopMs = STOP_MS, signal } = options;
  signal?.throwIfAborted();
  const child = spawnServer(options);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`cannot be run (${error.message})`));
    child.once('exit', (code, by) => {
      endGroup(child); // what it started itself, such as the server behind a relay, goes with it
      resolve(by ? `was ended by ${by}` : `ended with status ${code}`);
    });
  });
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= endServer(child, exited, stopMs));

  let end: string | undefined;
  void exited.then((how) => (end ??= how));
  for (const deadline = Date.now() + readyMs; !(await isReady().catch(() => false)) || end !== undefined; ) {
    if (Date.now() > deadline) end ??= `was not ready within ${readyMs / 1_000} s`;
    if (signal?.aborted) end ??= 'was not wanted any more';
    if (end !== undefined) {
      await stop();
      throw new Error(`${name} ${end}. The end of ${logFile}:\n${lastLines(logFile)}`);
    }
    await delay(POLL_MS);
  }
  return { pid: child.pid as number, exited, stop };
}

/** The environment of a server: what it needs to be found and run, and none of our settings. */
export function surroundings(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'JAVA_HOME', 'TMPDIR'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

/** The end of a log, for a message; empty if there is none. */
export function lastLines(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  } catch {
    return '';
  }
}

function spawnServer({ command, args, logFile, mark, env, ipc, onSpawn }: ServerOptions): ChildProcess {
  const out = openLog(logFile);
  try {
    const child = spawn(command, args, {
      cwd: dirname(logFile),
      env: { ...surroundings(), ...env, [MARK]: mark },
      detached: true,
      stdio: ipc ? ['ignore', out, out, 'ipc'] : ['ignore', out, out],
    });
    child.unref();
    child.channel?.unref();
    onSpawn?.(child);
    return child;
  } finally {
    closeSync(out);
  }
}

function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  turnOver(file);
  return openSync(file, 'a', 0o600);
}

async function endServer(child: ChildProcess, exited: Promise<string>, stopMs: number): Promise<void> {
  child.ref(); // whoever waits for the end must not see our process end before
  for (const [signal, patienceMs] of [
    ['SIGTERM', stopMs],
    ['SIGKILL', KILL_MS],
  ] as const) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    const patience = new AbortController();
    await Promise.race([exited, delay(patienceMs, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody was left in it.
  }
}
