// How DynamoDB is asked: with a time limit, and with errors sorted into "no", "the outcome is unknown", and bugs of ours.

import { StoreUnavailable } from '../store.ts';

/** Longest wait for an answer, the client's own repetitions included, in milliseconds. */
const TIMEOUT_MS = 3_000;
/** Errors that say for certain that nothing was done, and that a repeat would say the same. */
const DEFINITE = new Set([
  'ValidationException',
  'ResourceNotFoundException',
  'AccessDeniedException',
  'ConditionalCheckFailedException',
]);

/**
 * Sends a request: `ask((how) => client.send(command, how))`.
 * @throws StoreUnavailable if DynamoDB is away, too busy or does not answer in time: then it may or may not have acted.
 */
export async function ask<T>(send: (how: { readonly abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
  try {
    return await send({ abortSignal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const { name, message } = error as Error;
    if (DEFINITE.has(name)) throw error;
    throw new StoreUnavailable(`DynamoDB: ${name}: ${message}`, { cause: error });
  }
}

/** Whether the answer was that the condition of a write does not hold. */
export function conditionFailed(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}

/**
 * Maps all items, so many at a time, in any order of execution; the results are in the items' order. Always waits for
 * what it has begun, so that nothing is still being written when an error is thrown.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const entries = items.entries();
  const errors: unknown[] = [];
  const worker = async () => {
    for (const [index, item] of entries) {
      try {
        results[index] = await map(item, index);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (errors.length > 0) throw errors.find((error) => !(error instanceof StoreUnavailable)) ?? errors[0];
  return results;
}
