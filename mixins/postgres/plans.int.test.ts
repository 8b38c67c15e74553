// The plans of the hot statements, made while the tables were empty and made again when they are large: every table is
// reached by an index with the whole key. A plan that joined by the first column of the key only once read all rows of an
// actor for a batch of 64.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Change } from '../store.ts';
import { textArray } from './arrays.ts';
import { encodeCommit } from './commit.ts';
import type { Lane } from './lane.ts';
import * as statements from './statements.ts';
import { testDatabase, type TestDatabase } from './testing.ts';

const ROWS = 100_000;

/** What is looked up, and the columns that the condition on its index must name. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  actors: ['id'],
  rows: ['actor_id', 'key'],
  inbox: ['command_id', 'actor_id'],
  timers: ['actor_id', 'name'],
  outbox: ['seq'],
};

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Cond'?: string;
  readonly 'TID Cond'?: string;
  readonly Operation?: string;
  readonly Plans?: readonly Plan[];
}

function nodes(plan: Plan): readonly Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodes)];
}

/** Nodes that read a table otherwise than by its whole key. */
function detours(plan: Plan): readonly Plan[] {
  return nodes(plan).filter((node) => {
    const table = node['Relation Name']?.replace(/_(default|\d+)$/, '');
    if (table === undefined || node.Operation !== undefined || node['Node Type'] === 'ModifyTable') return false;
    if (node['Node Type'] === 'Tid Scan') return false;
    const condition = node['Index Cond'] ?? node.Plans?.[0]?.['Index Cond'] ?? '';
    return !(KEYS[table] ?? ['?']).every((column) => condition.includes(column));
  });
}

const sections = { readColumns: {}, hasRows: true, hasTimers: true };
const commit = statements.commitStatement(sections);
const id = 'main';

function change(version: number): Change {
  return {
    id,
    expected: version - 1,
    version,
    journal: [],
    handled: [{ id, commandId: randomUUID(), version }],
    outbox: [],
    rows: Array.from({ length: 64 }, (_, i) => ({
      key: `sku-${version * 997 + i}`,
      data: i % 2 === 0 ? { i } : undefined,
    })),
    timers: [{ id, name: `t-${version}`, afterMs: 0, commandId: 'c', command: { type: 'Wake', data: {} } }],
    cancelled: ['t-1'],
  };
}

describe('plans', () => {
  let database: TestDatabase;
  let lane: Lane;
  let version = 0;
  beforeAll(async () => {
    database = await testDatabase();
    // Known to be empty, a table looks so cheap to the planner that it reads it whole, and goes on when it has grown.
    await database.em().execute('analyze');
    lane = database.lane();
    await runAll();
  });
  afterAll(() => database.close());

  async function runAll(): Promise<void> {
    version += 1;
    await lane.run(commit, encodeCommit([change(version)], sections));
    await lane.run(statements.load, ['{main}', '{main}', '{sku-1}', '{main}', '{c}']);
    await lane.run(statements.confirm, ['{main}', '{1}']);
    await lane.run(statements.acknowledge, ['{1}', Date.now(), Date.now()]);
  }

  async function explain({ name, text }: { name: string; text: string }): Promise<Plan> {
    const count = new Set(text.match(/\$\d+/g)).size;
    const nothing = Array.from({ length: count }, () => 'null').join(', ');
    const [[json] = []] = await lane.run(
      { name: `explain ${name} ${version}`, text: `explain (format json) execute ${name}(${nothing})` },
      [],
    );
    return (JSON.parse(json as string) as [{ Plan: Plan }])[0].Plan;
  }

  it.each([commit, statements.load, statements.confirm, statements.acknowledge])(
    'reach every table by the whole key when it is empty: $name',
    async (statement) => {
      expect(detours(await explain(statement))).toEqual([]);
    },
  );

  it('stay quick for tables that have grown since they were made', async () => {
    await database
      .em()
      .execute(
        `insert into rows select 'main', 'sku-' || i, '{}' from generate_series(1, ${ROWS}) i on conflict do nothing`,
      );
    await database.em().execute(`insert into actors select 'actor-' || i, 1, '{}' from generate_series(1, ${ROWS}) i`);
    const times: number[] = [];
    for (let i = 0; i < 30; i++) {
      const started = performance.now();
      await runAll();
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    // Reading the actor's rows whole takes ten times as long.
    expect(times[times.length >> 1]).toBeLessThan(20);
  });

  it.each([commit, statements.load, statements.confirm, statements.acknowledge])(
    'reach every table by the whole key when it is large: $name',
    async (statement) => {
      await database.em().execute('analyze rows; analyze actors; analyze inbox');
      await runAll();
      expect(detours(await explain(statement))).toEqual([]);
    },
  );

  it('of a sweep follow the order of the outbox and stop at the limit', async () => {
    await database
      .em()
      .execute(`insert into outbox (message_id, kind, target, sender, key, body, sealed, at, bucket, sent_at)
      select 'm-' || i, 'send', 'stock', 's', 'k', '{}', false, now(), i % 64, case when i % 10 < 5 then now() end from generate_series(1, ${ROWS}) i`);
    await database.em().execute('analyze outbox');
    const plan = await explain(await swept());
    expect(nodes(plan).map((node) => node['Node Type'])).not.toContain('Sort');
    const started = performance.now();
    expect(await lane.run(statements.unsent, ['{1,2,3,4,5}', 0, 100])).toHaveLength(100);
    expect(performance.now() - started).toBeLessThan(50);
  });

  it('of a takeover look once at what is unsent, however many senders are asked for', async () => {
    const senders = textArray(['s', ...Array.from({ length: 255 }, (_, i) => `order-${i}`)]);
    await lane.run(statements.unsentOf, [senders, 10]);
    const plan = await explain(statements.unsentOf);
    const kinds = nodes(plan).map((node) => node['Node Type']);
    expect(kinds).not.toContain('Sort');
    expect(kinds).not.toContain('Nested Loop');
    const started = performance.now();
    expect(await lane.run(statements.unsentOf, [textArray(Array(256).fill('nobody')), 10])).toEqual([]);
    // Comparing every row with every sender takes thirty times as long.
    expect(performance.now() - started).toBeLessThan(200);
  });

  async function swept() {
    await lane.run(statements.unsent, ['{1}', 0, 10]);
    return statements.unsent;
  }
});
