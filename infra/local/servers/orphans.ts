// Ends what an earlier supervisor left running: a kill -9 of it spares the servers and nodes that it had started.
//
// They are known by a mark in their environment, made of the device and inode number of the folder that they work on
// (as PostgreSQL is by its cluster name). All they start inherits it. Neither a recycled process id nor a copy of the
// folder carries it, so a foreign process is never touched. The caller holds the lock of the folder, so no living
// supervisor owns them.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { clusterMark } from '../postgres-orphans.ts';

/** The variable that carries the mark. */
export const MARK = 'SOUK_SUPERVISED';

const POLL_MS = 20;
/** A broker writes its logs out; without it the next start recovers, so patience is short. */
const ASK_MS = 3_000;
const KILL_MS = 2_000;

/** The mark of everything that works on this folder, which must exist. */
export const markOf = (folder: string): string => clusterMark(folder);

/**
 * Ends every process that carries the mark.
 * @returns the ids of those that were found running
 * @throws Error when one of them cannot be ended
 */
export async function endMarked(mark: string): Promise<readonly number[]> {
  const found = marked(mark);
  for (const [signal, patienceMs] of [
    ['SIGTERM', ASK_MS],
    ['SIGKILL', KILL_MS],
  ] as const) {
    for (const pid of marked(mark)) send(pid, signal);
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(POLL_MS)) {
      if (marked(mark).length === 0) return found;
    }
  }
  throw new Error(`Processes of an earlier run cannot be ended: ${marked(mark).join(', ')}. End them by hand.`);
}

/** The ids of the processes that carry the mark, without those that are dead and only not yet collected. */
export function marked(mark: string): readonly number[] {
  const entry = `${MARK}=${mark}`;
  const found = process.platform === 'linux' ? fromProc(entry) : fromPs(entry);
  return found.filter((pid) => pid !== process.pid);
}

function fromProc(entry: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && environment(name).includes(entry))
    .map(Number);
}

/** Empty for a process that is dead or not ours to look at. */
function environment(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function fromPs(entry: string): number[] {
  const lines = execFileSync('ps', ['-A', '-E', '-ww', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.split(' ').includes(entry)).map((line) => Number.parseInt(line, 10));
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended while we looked, or it is not ours to end; who asks again will see.
  }
}
