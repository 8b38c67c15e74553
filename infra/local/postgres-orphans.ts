// Ends what an earlier shop left running on our data: a kill -9 of the shop spares its PostgreSQL, a kill -9 of the
// postmaster may spare its busy backends. The caller holds the lock of the data folder, so no living shop owns them.
//
// They are known by a mark made of the device and inode number of the cluster's folder. It is the cluster's name, which
// stands on the postmaster's command line and in the title of each backend. Neither a recycled process id nor a copy of
// the folder carries it, so a foreign process is never touched, whatever postmaster.pid says.

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 10;
/** A fast shutdown writes a checkpoint; without it the next start recovers from the log, so patience is short. */
const FAST_MS = 2_000;
const IMMEDIATE_MS = 1_000;
const KILL_MS = 2_000;

type Process = { pid: number; parent: number; command: string };

/** The mark of the cluster in this folder, which must exist; to be set as its `cluster_name`. */
export function clusterMark(cluster: string): string {
  const { dev, ino } = statSync(cluster, { bigint: true });
  return `souk-${dev}-${ino}`;
}

/**
 * Ends every process of this cluster (which need not exist yet) and clears a process id file that would block the start.
 * @returns the ids of those that were found running, without the children of others
 * @throws when one of them cannot be ended
 */
export async function endOrphans(cluster: string): Promise<number[]> {
  if (!existsSync(cluster)) return [];
  const mark = clusterMark(cluster);
  const found = rootsOf(processesOf(mark));
  if (found.length > 0) await end(mark);
  // PostgreSQL believes the number when any process of the same user has it by now, and would refuse to start.
  const file = join(cluster, 'postmaster.pid');
  const written = readPid(file);
  if (written !== undefined && alive(written)) rmSync(file, { force: true });
  return found.map(({ pid }) => pid);
}

/** Postmasters are asked to shut down, backends without one to quit; what is still there gets less and less choice. */
async function end(mark: string): Promise<void> {
  const orphaned = ({ command }: Process) => command.startsWith('postgres: ');
  const steps: [(process: Process) => NodeJS.Signals, number][] = [
    [(process) => (orphaned(process) ? 'SIGQUIT' : 'SIGINT'), FAST_MS],
    [() => 'SIGQUIT', IMMEDIATE_MS],
    [() => 'SIGKILL', KILL_MS],
  ];
  for (const [choose, patienceMs] of steps) {
    const running = processesOf(mark);
    for (const process of running) {
      const signal = choose(process);
      // The postmaster's own children are its business until nothing else helps.
      if (signal === 'SIGKILL' || rootsOf(running).includes(process)) send(process.pid, signal);
    }
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(POLL_MS)) {
      if (processesOf(mark).length === 0) return;
    }
  }
  const left = processesOf(mark).map(({ pid }) => pid);
  if (left.length > 0) throw new Error(`PostgreSQL processes of an earlier run cannot be ended: ${left.join(', ')}`);
}

function processesOf(mark: string): Process[] {
  const marked = new RegExp(`(^|[\\s=])${mark}($|[\\s:])`);
  return everyProcess().filter(({ command }) => {
    const program =
      command.startsWith('postgres: ') || basename(command.split(/ (?:-D|--single) /)[0] ?? '') === 'postgres';
    return program && marked.test(command);
  });
}

function rootsOf(processes: Process[]): Process[] {
  const ids = new Set(processes.map(({ pid }) => pid));
  return processes.filter(({ parent }) => !ids.has(parent));
}

function everyProcess(): Process[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

function fromProc(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd();
        if (!command.includes('postgres')) return [];
        // "pid (name, which may hold anything) state parent …"
        const parent = readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\)/s, '').trim().split(' ')[1];
        return [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return []; // it ended while we looked
      }
    });
}

function fromPs(): Process[] {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command: command.trimEnd() }];
  });
}

function readPid(file: string): number | undefined {
  try {
    return Math.abs(Number.parseInt(readFileSync(file, 'utf8'), 10)); // single-user mode writes it negative
  } catch {
    return undefined;
  }
}

function alive(pid: number): boolean {
  return Number.isInteger(pid) && pid > 0 && send(pid, 0);
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
