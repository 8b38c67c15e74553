// Goal: whichever boundary of the saga a process ends at, the order ends as it would have, to the piece and penny.
// Method: each story is told once undisturbed, which shows the boundaries that it passes; then once for each of them, with
// the process ended there, everything in its memory lost, and another one started on the same stores. In virtual time; in
// one process with all services, and in a process for each.

import { afterAll, describe, expect, it } from '@jest/globals';
import type { ActorStore, Change } from '../../mixins/store.ts';
import { inVirtualTime } from '../../mixins/virtual-time.testing.ts';
import { tellStory } from './crash-points/run.ts';
import { boundaries } from './crash-points/steps.ts';
import { stories } from './crash-points/stories.ts';
import type { Story } from './crash-points/story.ts';

const ORDERS_MIN = 3;

const noOrders = () => new Map(boundaries.map((where) => [where, new Set<string>()]));
/** The orders that somebody died in, by boundary. */
const diedIn = { together: noOrders(), apart: noOrders() };
let runs = 0;

describe.each(['together', 'apart'] as const)('with all services %s', (processes) => {
  const orders = diedIn[processes];

  it.each(stories)('$name', async (story) => {
    const undisturbed = await inVirtualTime(() => tellStory(story, { processes }));
    expect(undisturbed).toMatchObject({ wrong: [], end: 0, crashes: 0 });
    const wrong: string[] = [];
    for (const crashAt of undisturbed.passed.keys()) {
      const { wrong: found, crashes } = await inVirtualTime(() =>
        tellStory(story, { processes, crashes: [{ boundary: crashAt, nth: 1 }] }),
      );
      wrong.push(...found.map((what) => `died ${crashAt}: ${what}`));
      if (crashes === 1) orders.set(crashAt, (orders.get(crashAt) ?? new Set()).add(story.name));
      else wrong.push(`nobody died ${crashAt}`);
      runs += 1;
    }
    expect(wrong).toEqual([]);
  });

  it('ended at every boundary of the list in at least three orders, and at no other', () => {
    expect([...orders.keys()].filter((where) => !boundaries.includes(where))).toEqual([]);
    const tooFew = [...orders].filter(([, { size }]) => size < ORDERS_MIN);
    expect(tooFew.map(([where, { size }]) => `${where}: ${size}`)).toEqual([]);
  });
});

describe('a bug that is put back is found by some crash:', () => {
  const [paid] = stories;
  const found = async (spoil: (store: ActorStore) => ActorStore) => {
    const { passed } = await inVirtualTime(() => tellStory(paid as Story, { processes: 'together' }));
    for (const crashAt of passed.keys()) {
      const { wrong } = await inVirtualTime(() =>
        tellStory(paid as Story, { processes: 'together', crashes: [{ boundary: crashAt, nth: 1 }], spoil }),
      );
      if (wrong.length > 0) return `${crashAt}: ${wrong[0]}`;
    }
    return '';
  };

  it('nobody looks for what a dead process has not sent', async () => {
    expect(await found((store) => ({ ...store, unsent: async () => [], unsentOf: async () => [] }))).toMatch(/in vain/);
  });

  it('the inbox forgets what was handled', async () => {
    const forget = (change: Change): Change => ({ ...change, handled: [] });
    expect(await found((store) => ({ ...store, commit: (changes) => store.commit(changes.map(forget)) }))).toMatch(
      /^(before|after) the .* of .*: /,
    );
  });

  it('what was delivered counts as sent before it is', async () => {
    const spoil = (store: ActorStore): ActorStore => ({
      ...store,
      async commit(changes) {
        const won = await store.commit(changes);
        await store.acknowledge(changes.flatMap(({ outbox }) => outbox));
        return won;
      },
    });
    expect(await found(spoil)).toMatch(/in vain|never reached/);
  });
});

afterAll(() => {
  const counts = Object.values(diedIn).flatMap((orders) => [...orders.values()].map(({ size }) => size));
  const fewest = Math.min(...counts);
  console.log(
    `${boundaries.length} boundaries, each in at least ${fewest} of ${stories.length} orders: ${runs} crashes`,
  );
});
