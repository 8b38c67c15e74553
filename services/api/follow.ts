// Follows something that changes by asking for what is newer than the version seen last, again and again. Which node
// answers does not matter: when one is lost, the question is repeated and goes to another.

import { setTimeout as pause } from 'node:timers/promises';
import { problemOf } from './failures.ts';
import type { SseEvent } from './sse.ts';

/** How long a question may take, in milliseconds: its action waits for news, at most ten seconds. */
export const QUESTION_TIMEOUT_MS = 14_000;
/** How long the next question waits after one that failed, in milliseconds: short at first, then twice as long each time. */
const AGAIN_MS = { first: 100, most: 2_000 };

/** Asks for the version after `seen`; with `wait` it may take its time, and without news it is null. */
export type Ask = (seen: number, wait: boolean) => Promise<SseEvent | null>;

/**
 * What comes after `first` (the answer for `seen`), without an end. It ends when the reader is gone, and rejects when the
 * answer is that there is nothing to see (any more), or is a fault of ours; outages are waited out.
 */
export async function* follow(
  ask: Ask,
  first: SseEvent | null,
  seen: number,
  isGone: () => boolean,
): AsyncGenerator<SseEvent> {
  let known = seen;
  let news = first;
  let againMs = AGAIN_MS.first;
  while (!isGone()) {
    if (news !== null) {
      known = Number(news.id);
      yield news;
    }
    const askedAt = performance.now();
    let isAnswered = true;
    try {
      news = await ask(known, true);
    } catch (error) {
      const { problem, unforeseen } = problemOf(error);
      if (unforeseen || problem.code < 500) throw error;
      isAnswered = false;
      news = null;
    }
    // A node that stops answers at once that there is nothing: it is asked again no faster than one that does not answer.
    if (news !== null || (isAnswered && performance.now() - askedAt > AGAIN_MS.most)) {
      againMs = AGAIN_MS.first;
      continue;
    }
    await pause(againMs);
    againMs = Math.min(2 * againMs, AGAIN_MS.most);
  }
}
