// L6: a shop that has run for an hour needs hardly more memory than one that has run for ten minutes.

import { examine, type Finding } from '../../../mixins/finding.ts';
import type { Sample } from '../books/books.ts';
import type { Evidence } from './checker.ts';

const MINUTE_MS = 60_000;
const BEGIN_MS = 10 * MINUTE_MS;
const END_MS = 60 * MINUTE_MS;
const GROWTH_MAX = 1.2;
const MEGABYTE = 1_048_576;

/** Only in a run that is long enough. */
export function checkMemory({ books, from }: Pick<Evidence, 'books' | 'from'>): Finding {
  const level = examine('L6', 'memory after an hour is at most 1.2 times that after ten minutes', 'measurements');
  const measured = books.samples.flatMap(({ at, memory }: Sample) => (memory === undefined ? [] : [{ at, memory }]));
  // The middle of three minutes around the tenth, and of all after the hour: one look may meet a collection of garbage.
  const early = measured.filter(({ at }) => Math.abs(at - from - BEGIN_MS) <= 1.5 * MINUTE_MS);
  const late = measured.filter(({ at }) => at - from >= END_MS);
  if (early.length === 0 || late.length === 0) return level.finding('nothing: the run took less than an hour');
  level.look(early.length + late.length);
  const [before, after] = [middleOf(early), middleOf(late)];
  if (after > GROWTH_MAX * before)
    level.wrong(`${megabytes(before)} after ten minutes, ${megabytes(after)} after an hour`);
  return level.finding();
}

function middleOf(measured: readonly { readonly memory: number }[]): number {
  const sizes = measured.map(({ memory }) => memory).toSorted((a, b) => a - b);
  return sizes[Math.floor(sizes.length / 2)] as number;
}

const megabytes = (bytes: number): string => `${Math.round(bytes / MEGABYTE)} MB`;
