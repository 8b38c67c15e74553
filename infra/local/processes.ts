// Programs that run beside the shop, such as the simulated payment provider, each a Node program under a small supervisor:
//
//   startChild ─► spawned in a group of its own ─► 'ready' with its port ─► died? again, after a growing pause, on the same port
//
// The child never outlives its shop: the channel between them closes when either dies, and `announceReady`, which
// the child calls, ends it then. Ctrl-C does not reach it, so the shop can drain first and stop it last.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const READY_MS = 15_000;
const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 2_000;
/** A child that lived this long after it was ready counts as healthy again: the pauses start over. */
const HEALTHY_MS = 1_000;
const FAILURES_MAX = 10;
const STOP_MS = 2_000;
/** A child whose parent is gone closes what it has open, but not for ever. */
const LAST_WORDS_MS = 2_000;

export type ChildOptions = {
  /** For messages: "payment provider". */
  readonly name: string;
  /** Default: this Node. Another program must speak Node's IPC. */
  readonly command?: string;
  /** The function is given the port to listen on: 0 (any) at first, then the one that the child chose, to come back on. */
  readonly args: readonly string[] | ((port: number) => readonly string[]);
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The longest pause before it is started again, in ms; default 2,000. */
  readonly pauseMaxMs?: number;
  /** Takes the child's output line by line, and what the supervisor does. */
  readonly log?: (line: string) => void;
  /** Called when the child was restarted and is ready again. */
  readonly onRestart?: () => void;
  /** Called once when it failed ten times in a row and is left alone. */
  readonly onGiveUp?: (message: string) => void;
};

export type Child = {
  /** The port it listens on; the same after every restart. */
  readonly port: number;
  /** The process that runs now, or undefined between two of them. */
  readonly pid: number | undefined;
  /** SIGTERM, after 2 s SIGKILL. Safe to call twice. Never rejects. */
  stop(): Promise<void>;
};

/** What a child sends once it listens. */
type Ready = { readonly ready: true; readonly port: number };

/** A TCP port on loopback that nobody had a moment ago. The caller must be ready to try again. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts a program and waits until it says that it is ready; then keeps it running.
 * @throws when the first start fails: what it wrote last, and how it ended
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, pauseMaxMs = PAUSE_MAX_MS, log = () => {}, onRestart = () => {}, onGiveUp = () => {} } = options;
  const stopped = new AbortController();
  let current = spawnChild(options, 0);
  let stopping: Promise<void> | undefined;
  const { port } = await current.ready;
  void keepRunning();

  async function keepRunning(): Promise<void> {
    let failures = 0;
    let readyAt = Date.now();
    for (;;) {
      const how = await current.exited;
      if (stopped.signal.aborted) return;
      failures = readyAt > 0 && Date.now() - readyAt >= HEALTHY_MS ? 1 : failures + 1;
      if (failures > FAILURES_MAX) return giveUp(how);
      log(`${name} ${how}; starting it again`);
      const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** (failures - 1), pauseMaxMs);
      await delay(pauseMs, undefined, { signal: stopped.signal, ref: false }).catch(() => {});
      if (stopped.signal.aborted) return;
      current = spawnChild(options, port);
      readyAt = await current.ready.then(Date.now, () => 0);
      if (readyAt > 0) onRestart();
    }
  }

  function giveUp(how: string): void {
    const message = `${name} ${how} and failed ${FAILURES_MAX} times in a row; it is not started again`;
    log(message);
    onGiveUp(message);
  }

  return {
    port,
    get pid() {
      return isRunning(current.process) ? current.process.pid : undefined;
    },
    stop() {
      stopped.abort();
      return (stopping ??= end(current));
    },
  };
}

/**
 * Called by a child: tells the supervisor its port, and from now on ends with it. As a program started by hand it does nothing.
 * The end comes as SIGTERM to itself, so that one handler serves both; whoever has not ended 2 s later is ended.
 */
export function announceReady(port: number): void {
  if (!process.send) return;
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), LAST_WORDS_MS).unref();
    process.kill(process.pid, 'SIGTERM');
  });
  process.send({ ready: true, port } satisfies Ready);
}

type Running = { readonly process: ChildProcess; readonly ready: Promise<Ready>; readonly exited: Promise<string> };

function spawnChild({ name, command, args, env, log = () => {} }: ChildOptions, port: number): Running {
  const child = spawn(command ?? process.execPath, typeof args === 'function' ? args(port) : args, {
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let lastLine = '';
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => log((lastLine = line)));
  }
  letGo(child);
  const exited = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`cannot be run (${error.message})`));
    child.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with status ${code}`));
  });
  const ready = new Promise<Ready>((resolve, reject) => {
    const late = setTimeout(() => fail(`was not ready within ${READY_MS / 1_000} s`), READY_MS);
    const fail = (how: string) => {
      clearTimeout(late);
      child.kill('SIGKILL'); // half a start is none
      reject(new Error(`${name} ${how}${lastLine ? `: ${lastLine}` : ''}`));
    };
    child.on('message', (message: Partial<Ready>) => {
      if (message.ready !== true || typeof message.port !== 'number') return;
      if (port !== 0 && message.port !== port) return fail(`came back on port ${message.port} instead of ${port}`);
      clearTimeout(late);
      resolve({ ready: true, port: message.port });
    });
    void exited.then(fail);
  });
  return { process: child, ready, exited };
}

/** A child is not a reason for the shop's process to stay. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
  for (const stream of [child.stdout, child.stderr]) (stream as unknown as { unref?: () => void } | null)?.unref?.();
}

async function end({ process: child, exited }: Running): Promise<void> {
  child.ref();
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isRunning(child)) return;
    child.kill(signal);
    const patience = new AbortController();
    await Promise.race([exited, delay(STOP_MS, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
