// Goal: no crash matters, at whichever passing of whichever boundary, and neither do several of them in one order's life.
// Method: as in crash-points.sim.test.ts, but at every passing of every boundary; then with two to four crashes, drawn from
// a seed. `SEED=<n> RUNS=1` replays a run of the second kind.

import { afterAll, describe, expect, it } from '@jest/globals';
import { type Chance, chanceOf } from '../../actors/scheduler.simulation.ts';
import { inVirtualTime } from '../../mixins/virtual-time.testing.ts';
import { tellStory } from './crash-points/run.ts';
import type { CrashPoint } from './crash-points/shop.ts';
import { stories } from './crash-points/stories.ts';
import type { Story } from './crash-points/story.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 3_000);
/** A test of so many runs is told as one line. */
const BLOCK = 500;
const CRASHES_MIN = 2;
const CRASHES_MAX = 4;
/** Findings that are shown of a block. */
const SHOWN_MAX = 20;
const TEST_MS = 600_000;

const ways = ['together', 'apart'] as const;
let runs = 0;
let crashed = 0;

async function wrongOf(story: Story, processes: (typeof ways)[number], crashes: readonly CrashPoint[], name: string) {
  const told = await inVirtualTime(() => tellStory(story, { processes, crashes }));
  runs += 1;
  crashed += told.crashes;
  return told.wrong.map(
    (what) =>
      `${name}, ${story.name}, ${processes}: ${crashes.map(({ boundary, nth }) => `${boundary} (${nth})`).join(', ')}: ${what}`,
  );
}

describe.each(ways)('one crash at every passing, with all services %s', (processes) => {
  it.each(stories)(
    '$name',
    async (story) => {
      const { passed } = await inVirtualTime(() => tellStory(story, { processes }));
      const wrong: string[] = [];
      for (const [boundary, times] of passed)
        for (let nth = 1; nth <= times; nth++)
          wrong.push(...(await wrongOf(story, processes, [{ boundary, nth }], 'one crash')));
      expect(wrong.slice(0, SHOWN_MAX)).toEqual([]);
    },
    TEST_MS,
  );
});

describe('several crashes', () => {
  const blocks = Array.from({ length: Math.ceil(RUNS / BLOCK) }, (_, i) => SEED + i * BLOCK);
  it.each(blocks)(
    'lose nothing and do nothing twice (from seed %i)',
    async (first) => {
      const wrong: string[] = [];
      for (let seed = first; seed < Math.min(first + BLOCK, SEED + RUNS); seed++) {
        const chance = chanceOf(seed);
        const [story, processes] = [chance.pick(stories), chance.pick(ways)];
        wrong.push(...(await wrongOf(story, processes, await drawn(story, processes, chance), `SEED=${seed} RUNS=1`)));
      }
      expect(wrong.slice(0, SHOWN_MAX)).toEqual([]);
    },
    TEST_MS,
  );
});

const passedBy = new Map<string, readonly string[]>();

/** Crashes at boundaries that the story passes undisturbed. */
async function drawn(story: Story, processes: (typeof ways)[number], chance: Chance): Promise<readonly CrashPoint[]> {
  const name = `${story.name} ${processes}`;
  const known = passedBy.get(name) ?? [...(await inVirtualTime(() => tellStory(story, { processes }))).passed.keys()];
  passedBy.set(name, known);
  const count = CRASHES_MIN + chance.below(CRASHES_MAX - CRASHES_MIN + 1);
  // In the order in which the story passes them, so that most of them are met; two may be the same.
  const places = Array.from({ length: count }, () => chance.below(known.length)).toSorted((a, b) => a - b);
  return places.map((place) => ({ boundary: known[place] ?? '', nth: 1 }));
}

it('met nearly all of them', () => {
  expect(crashed).toBeGreaterThan(runs);
});

afterAll(() => {
  console.log(`${runs} runs, ${crashed} crashes`);
});
