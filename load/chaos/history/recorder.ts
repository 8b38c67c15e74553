// Writes a history while it happens: a line as an operation begins, a line as it ends (operation.ts).
//
//   begin ─► {"invoke":7,…}   end ─► {"end":7,…}   ─► chunk in memory ─► file, when the chunk is full, asked for, or closed
//
// Only what was not yet written is kept, so a history may be of any length.

import { createWriteStream } from 'node:fs';
import type { Ending, Invocation } from './operation.ts';

/** Characters that are written at once: fewer writes than lines, and little to lose. */
const CHUNK = 64 * 1_024;
/** Bytes that may wait for the disk: a minute of a thousand operations a second. Beyond it the disk is not fit for a run. */
const WAITING_MAX = 256 * 1_024 * 1_024;

/** What the recorder adds to an invocation: its number and its time. */
export type Begun = Omit<Invocation, 'id' | 'at'>;
/** What it adds to an ending is the time. */
export type Ended = Omit<Ending, 'endedAt'>;

export interface Recorder {
  readonly path: string;
  /**
   * An operation begins now. @returns its number, to end it by
   * @throws Error if the file cannot be written, or not as fast as operations come
   */
  begin(invocation: Begun): number;
  /** It ends now. @throws Error as `begin`, and if it does not run */
  end(id: number, ending: Ended): void;
  /** Operations that have begun. */
  readonly begun: number;
  /** Operations that have begun and not ended. */
  readonly underWay: number;
  /** Resolves when all so far is in the file, where others can read it. */
  flush(): Promise<void>;
  /** Writes the rest and closes the file. What has not ended by now never does. */
  close(): Promise<void>;
}

/** The one clock of a history: milliseconds since 1970, with a fraction, and never backwards. */
export const historyClock = (): number => performance.timeOrigin + performance.now();

/** Opens a history at this path, which must not exist yet. */
export function createRecorder(path: string, now: () => number = historyClock): Recorder {
  const file = createWriteStream(path, { flags: 'wx' });
  const underWay = new Set<number>();
  let [chunk, begun] = ['', 0];
  let broken: Error | undefined;
  file.on('error', (error) => (broken ??= error));

  function check(): void {
    if (broken !== undefined) throw new Error(`the history ${path} cannot be written: ${broken.message}`);
    if (file.writableLength > WAITING_MAX)
      throw new Error(`the history ${path} cannot be written as fast as it happens: ${WAITING_MAX} bytes wait`);
  }

  function write(line: object): void {
    check();
    chunk += `${JSON.stringify(line)}\n`;
    if (chunk.length >= CHUNK) pour();
  }

  function pour(): void {
    if (chunk === '') return;
    file.write(chunk);
    chunk = '';
  }

  return {
    path,
    get begun() {
      return begun;
    },
    get underWay() {
      return underWay.size;
    },
    begin(invocation) {
      const id = ++begun;
      write({ invoke: id, at: now(), ...invocation });
      underWay.add(id);
      return id;
    },
    end(id, ending) {
      if (!underWay.delete(id)) throw new Error(`operation ${id} has ended already, or never began`);
      write({ end: id, at: now(), ...ending });
    },
    async flush() {
      check();
      pour();
      // An empty write is done when all before it is.
      await new Promise<void>((resolve, reject) => {
        file.write('', (error) => (error ? reject(error) : resolve()));
      });
      check();
    },
    async close() {
      check();
      pour();
      await new Promise<void>((resolve, reject) => {
        file.once('error', reject);
        file.end(resolve);
      });
    },
  };
}
