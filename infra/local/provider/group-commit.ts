// Everything that is asked within a moment shares one transaction, and nobody hears an answer before it is on the disk.
//
//   write(effect) ─► waits ≤ GATHER_MS ─► BEGIN · effect · effect · … · COMMIT ─► every promise settles
//
// A commit costs a flush of the disk, whoever is in it: at thousands of charges a second, sharing it is most of the speed.

import type { DatabaseSync } from 'node:sqlite';

import { Contradiction } from './ledger.ts';

const GATHER_MS = 1;
const BATCH_MAX = 512;

interface Task {
  readonly effect: () => unknown;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommit {
  /** Runs the effect in the next shared transaction; settles after the commit. Effects must be repeatable. */
  write<T>(effect: () => T): Promise<T>;
  /** Commits what waits, at once. */
  flush(): void;
}

/** Gathers writes to one database into shared transactions. */
export function groupCommit(db: DatabaseSync): GroupCommit {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  let waiting: Task[] = [];

  function flush(): void {
    const tasks = waiting;
    waiting = [];
    for (let from = 0; from < tasks.length; from += BATCH_MAX) run(tasks.slice(from, from + BATCH_MAX));
  }

  function run(batch: readonly Task[]): void {
    const settled: (() => void)[] = [];
    try {
      begin.run();
      for (const task of batch) {
        try {
          const value = task.effect();
          settled.push(() => task.resolve(value as never));
        } catch (error) {
          // A contradiction is found before anything is written, so the rest of the batch can go on.
          if (!(error instanceof Contradiction)) throw error;
          settled.push(() => task.reject(error));
        }
      }
      commit.run();
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      // One by one, so that whoever cannot be written fails alone.
      if (batch.length > 1) for (const task of batch) run([task]);
      else batch[0]?.reject(error);
      return;
    }
    for (const settle of settled) settle();
  }

  return {
    write(effect) {
      return new Promise((resolve, reject) => {
        if (waiting.length === 0) setTimeout(flush, GATHER_MS);
        waiting.push({ effect, resolve, reject });
      });
    },
    flush,
  };
}
