// Which processes go first where more want a processor than there are (`nice`): the operating system's own way of saying what
// requests and limits of CPU say in Kubernetes. Linux weighs sessions against each other before processes, if it was told to.

import { setPriority } from 'node:os';
import { readFileSync, writeFileSync } from 'node:fs';

/** Of what may wait: nine times as much for whoever has not got it. */
export const MAY_WAIT = 10;

/** Lets a process that was just started, in a session of its own, and all that it starts, go behind others. Anybody may. */
export function letWait({ pid }: { readonly pid?: number | undefined }): void {
  if (pid === undefined) return;
  attempt(() => setPriority(pid, MAY_WAIT));
  attempt(() => writeFileSync(`/proc/${pid}/autogroup`, String(MAY_WAIT)));
}

/** Lets the session of this process go before others, where the system knows sessions and it may. Returns what ends that. */
export function goFirst(niceness: number): () => void {
  const own = '/proc/self/autogroup';
  return (
    attempt(() => {
      const [, before = '0'] = /nice (-?\d+)/.exec(readFileSync(own, 'utf8')) ?? [];
      writeFileSync(own, String(niceness));
      return () => attempt(() => writeFileSync(own, before));
    }) ?? (() => undefined)
  );
}

/** A share is nothing that anybody relies on: where it cannot be had, things go on without. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
