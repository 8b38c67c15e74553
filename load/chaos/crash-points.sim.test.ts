// Goal: whichever boundary of the saga a process ends at, the order ends as it would have, to the piece and penny.
// Method: each story is told once undisturbed, which shows the boundaries that it passes; then once for each of them, with
// the process ended there, everything in its memory lost, and another one started on the same stores. In virtual time; in
// one process with all services, and in a process for each.

import { afterAll, describe, expect, it } from '@jest/globals';
import type { ActorStore, Change } from '../../mixins/store.ts';
import { inVirtualTime } from '../../mixins/virtual-time.testing.ts';
import { tellStory } from './crash-points/run.ts';
import { boundaries } from './crash-points/steps.ts';
import { stories, type Story } from './crash-points/stories.ts';

const reached = new Set<string>();
let runs = 0;

describe.each(['together', 'apart'] as const)('with all services %s', (processes) => {
  it.each(stories)('$name', async (story) => {
    const undisturbed = await inVirtualTime(() => tellStory(story, { processes }));
    expect(undisturbed).toMatchObject({ wrong: [], end: 0, crashes: 0 });
    const wrong: string[] = [];
    for (const crashAt of undisturbed.passed.keys()) {
      const { wrong: found, crashes } = await inVirtualTime(() =>
        tellStory(story, { processes, crashes: [{ boundary: crashAt, nth: 1 }] }),
      );
      wrong.push(...found.map((what) => `died ${crashAt}: ${what}`));
      if (crashes !== 1) wrong.push(`nobody died ${crashAt}`);
      reached.add(crashAt);
      runs += 1;
    }
    expect(wrong).toEqual([]);
  });
});

it('reached every boundary of the list, and no other', () => {
  expect([...reached].toSorted()).toEqual(boundaries.toSorted());
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
  console.log(`${boundaries.length} boundaries × ${stories.length} orders: ${runs} crashes`);
});
