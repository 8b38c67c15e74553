// L6: a shop that has run for an hour needs hardly more memory than one that has run for ten minutes.

import { examine, type Finding } from '../../../mixins/finding.ts';
import type { Sample } from '../books/books.ts';
import type { Evidence } from './checker.ts';

const MINUTE_MS = 60_000;
const BEGIN_MS = 10 * MINUTE_MS;
const END_MS = 60 * MINUTE_MS;
const GROWTH_MAX = 1.2;
const MEGABYTE = 1_048_576;
/** A single process is small: what its heap or its share of common pages does within this is no leak. */
const OWN_SLACK = 64 * MEGABYTE;

interface Measured {
  readonly at: number;
  readonly memory: Readonly<Record<string, number>>;
}

/** Only in a run that is long enough: all processes together, and each that lived through it, or one would hide among many. */
export function checkMemory({ books, from }: Pick<Evidence, 'books' | 'from'>): Finding {
  const level = examine('L6', 'memory after an hour is at most 1.2 times that after ten minutes', 'measurements');
  const measured = books.samples.flatMap(({ at, memory }: Sample) => (memory === undefined ? [] : [{ at, memory }]));
  // The middle of three minutes around the tenth, and of all after the hour: one look may meet a collection of garbage.
  const early = measured.filter(({ at }) => Math.abs(at - from - BEGIN_MS) <= 1.5 * MINUTE_MS);
  const late = measured.filter(({ at }) => at - from >= END_MS);
  if (early.length === 0 || late.length === 0) return level.finding('nothing: the run took less than an hour');
  level.look(early.length + late.length);
  const all = ({ memory }: Measured) => Object.values(memory).reduce((sum, bytes) => sum + bytes, 0);
  const [before, after] = [middleOf(early.map(all)), middleOf(late.map(all))];
  if (after > GROWTH_MAX * before)
    level.wrong(`${megabytes(before)} after ten minutes, ${megabytes(after)} after an hour`);
  const processes = new Set(late.flatMap(({ memory }) => Object.keys(memory)));
  for (const name of processes) {
    const [young, old] = [early, late].map((looks) => middleOf(looks.flatMap(({ memory }) => memory[name] ?? [])));
    if (young === undefined || old === undefined || old <= Math.max(GROWTH_MAX * young, young + OWN_SLACK)) continue;
    level.wrong(`process ${name}: ${megabytes(young)} after ten minutes, ${megabytes(old)} after an hour`);
  }
  return level.finding();
}

function middleOf(sizes: readonly number[]): number {
  return sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)] as number;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / MEGABYTE)} MB`;
