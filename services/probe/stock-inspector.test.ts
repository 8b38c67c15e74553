// How much of the movements is read at a time: more while there is time for it, less when the database gave up.
import { expect, it } from '@jest/globals';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { Reader } from '../../mixins/postgres/reader.ts';
import { StoreUnavailable } from '../../mixins/store.ts';
import { inspectStock } from './stock-inspector.ts';

const VERSION = 100_000;

/** A partition of many versions without a SKU, whose database gives up on more than `most` versions at a time. */
function slowReader(most: () => number) {
  const asked: number[] = [];
  const em = {
    async execute(text: string, [, after, upTo]: readonly number[]) {
      if (text.startsWith('select id, version')) return [{ id: 'main', version: String(VERSION) }];
      if (!text.includes('journal')) return [];
      asked.push((upTo as number) - (after as number));
      if (asked.at(-1)! > most())
        throw new StoreUnavailable('PostgreSQL: canceling statement due to statement timeout');
      return [];
    },
  } as unknown as EntityManager;
  const reader = { snapshot: (_: string, work: (it: EntityManager) => Promise<unknown>) => work(em) } as Reader;
  return { reader, asked };
}

it('reads ever more movements at a time, up to a limit, and half as many after it was too much', async () => {
  let most = Number.POSITIVE_INFINITY;
  const { reader, asked } = slowReader(() => most);
  const inspector = inspectStock({ reader });
  const step = () => inspector.step([], 0).catch(() => {});
  for (let i = 0; i < 5; i++) await step();
  expect(asked).toEqual([250, 500, 1_000, 2_000, 2_000]);
  expect(inspector.partly?.()).toBe('the movements of main up to version 5750, 94250 are left');
  most = 300;
  for (let i = 0; i < 5; i++) await step();
  expect(asked.slice(5)).toEqual([2_000, 1_000, 500, 250, 500]);
  // Nothing was passed over: what failed is read again.
  expect(inspector.partly?.()).toBe('the movements of main up to version 6000, 94000 are left');
});
