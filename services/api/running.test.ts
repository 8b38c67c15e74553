import { describe, expect, it } from '@jest/globals';
import { createRunning } from './running.ts';

/** An attempt that ends when it is told to. */
function attempt() {
  let runs = 0;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return {
    run: () => {
      runs += 1;
      return promise;
    },
    resolve,
    reject,
    get runs() {
      return runs;
    },
  };
}

describe('running keyed requests', () => {
  it('are joined by their repeats, which get the same answer', async () => {
    const running = createRunning<string>();
    const first = attempt();
    const answers = Promise.all([1, 2, 3].map(() => running.join('c-1', 'f', first.run)));
    first.resolve('201');
    expect(await answers).toEqual(['201', '201', '201']);
    expect(first.runs).toBe(1);
  });

  it('fail for all that joined, and leave nothing behind', async () => {
    const running = createRunning<string>();
    const first = attempt();
    const answers = Promise.allSettled([1, 2].map(() => running.join('c-1', 'f', first.run)));
    first.reject(new Error('no'));
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(running.size).toBe(0);
    expect(await running.join('c-1', 'f', () => Promise.resolve('again'))).toBe('again');
  });

  it('keep another request under the same key waiting', async () => {
    const running = createRunning<string>();
    const first = attempt();
    const answer = running.join('c-1', 'f', first.run);
    await expect(running.join('c-1', 'g', first.run)).rejects.toMatchObject({ type: 'request-in-progress', code: 409 });
    first.resolve('201');
    await answer;
  });

  it('do not meet under different keys', async () => {
    const running = createRunning<string>();
    expect(await Promise.all(['a', 'b'].map((id) => running.join(id, 'f', () => Promise.resolve(id))))).toEqual([
      'a',
      'b',
    ]);
  });

  it('are not more than may be', async () => {
    const running = createRunning<string>(1);
    const first = attempt();
    const answer = running.join('c-1', 'f', first.run);
    await expect(running.join('c-2', 'f', first.run)).rejects.toMatchObject({ type: 'overloaded' });
    first.resolve('201');
    await answer;
  });
});
