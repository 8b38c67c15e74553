// The plans of search, before the tables have statistics (right after a first import) and with them: matches come from the
// indexes of words, and products of a page are read one by one.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { testDatabase, type TestDatabase } from '../../mixins/postgres/testing.ts';
import { createCursors } from '../../mixins/cursor.ts';
import { Migration0001Products } from './migrations/0001-products.ts';
import { Migration0002Search } from './migrations/0002-search.ts';
import { listProducts } from './products.list.ts';
import { ProductRow } from './products.entities.ts';
import { createSearch, type Search } from './search.ts';

const PRODUCTS = 50_000;
const cursors = createCursors(Buffer.alloc(32));

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  /** On average over its loops. */
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

interface Pool {
  query(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

const nodes = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

describe('plans', () => {
  let database: TestDatabase;
  let search: Search;
  let pool: Pool;
  /** Statements of search as they were sent, with their values. */
  const sent: { readonly text: string; readonly values: readonly unknown[] }[] = [];

  beforeAll(async () => {
    const migrations = [Migration0001Products, Migration0002Search];
    database = await testDatabase({ entities: [ProductRow], migrations });
    pool = (await database.orm.driver.getConnection().getNativeClient()) as Pool;
    const ask = pool.query.bind(pool);
    pool.query = (text, values) => {
      if (/\bsearch\b/.test(text)) sent.push({ text, values: values ?? [] });
      return ask(text, values);
    };
    search = createSearch(database, cursors);
    // Nobody has looked at the tables yet, and nobody will until the test wants it.
    await database
      .em()
      .execute('alter table search set (autovacuum_enabled = off); alter table actors set (autovacuum_enabled = off)');
    for (let from = 1; from <= PRODUCTS; from += 1_000)
      await database.em().execute(`insert into actors
        (id, version, state, sku, name, description, category, unit_price, currency, partition, status, updated_at)
        select 'p-' || i, 1, '{}', 'S-' || i, 'Thing w' || i % 100, repeat('word ', 20) || 'd' || i % 40, 'C/' || i % 20,
          i * 100, 'GBP', 'main', 'live', now() from generate_series(${from}, ${from + 999}) i`);
  }, 60_000);
  afterAll(() => database.close());

  /** All nodes of the plans of a list. */
  async function plansOf(params: object): Promise<readonly Plan[]> {
    sent.length = 0;
    await listProducts(database, cursors, search, params);
    // Explaining them sends more.
    const asked = sent.slice();
    const plans: Plan[] = [];
    for (const { text, values } of asked) {
      const { rows } = await pool.query(`explain (analyze, format json) ${text}`, values);
      for (const row of rows) plans.push(...(row['QUERY PLAN'] as { Plan: Plan }[]).map(({ Plan: plan }) => plan));
    }
    return plans.flatMap(nodes);
  }

  const questions = [
    { q: 'w7' },
    { q: 'thing w7' },
    { q: 'd3 w3' },
    { q: 'w9', sort: 'name' },
    { q: 'w7', category: 'C/7' },
    { q: 'w7', priceFrom: '2', priceTo: '5', sort: '-price' },
    { q: 'S-77' },
  ];
  async function enterByWords(): Promise<void> {
    for (const question of questions) {
      const plans = await plansOf(question);
      expect(plans.map((node) => node['Index Name'])).toContain('search_words_idx');
      const isRead = ({ 'Node Type': type, 'Actual Rows': rows }: Plan) => type === 'Seq Scan' && rows > 1_000;
      const isSifted = ({ 'Rows Removed by Filter': removed = 0 }: Plan) => removed > 6_000;
      expect([question, plans.filter((node) => isRead(node) || isSifted(node))]).toEqual([question, []]);
      const products = plans.filter((node) => node['Relation Name'] === 'actors');
      expect(products.length).toBeGreaterThan(0);
      for (const node of products) expect([question, node['Actual Rows']]).toEqual([question, 1]);
    }
  }

  it('enter by the words and read products one by one while there are no statistics', enterByWords);

  it('do the same with statistics', async () => {
    await database.em().execute('vacuum analyze search');
    await database.em().execute('analyze actors');
    // An answer that is kept has no plan.
    search = createSearch(database, cursors);
    await enterByWords();
  });

  it('keep what was asked while nothing changes', async () => {
    const question = { q: 'w11 thing' };
    await listProducts(database, cursors, search, question);
    sent.length = 0;
    await listProducts(database, cursors, search, question);
    expect(sent).toHaveLength(1);
    await database.em().execute(`update actors set name = 'Other' where id = 'p-11'`);
    sent.length = 0;
    const { rows } = await listProducts(database, cursors, search, question);
    expect(sent.length).toBeGreaterThan(1);
    expect(rows.map(({ sku }) => sku)).not.toContain('S-11');
  });
});
