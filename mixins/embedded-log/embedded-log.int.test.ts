import { afterAll, describe, expect, it } from '@jest/globals';
import { eventLogContract, nodeOver } from '../../brokers/event-log.contract.ts';
import { type NewEvent, PermanentFailure } from '../../brokers/event-log.ts';
import { createStoredLog } from '../../brokers/stored-log.ts';
import { testDatabase } from '../postgres/testing.ts';
import { openEmbeddedDeadLetters } from './dead-letters.ts';
import { logMigrations } from './embedded-log.ts';
import { postgresStorage } from './storage.ts';

const databases: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const database of databases) await database.close();
});

/** A log in a schema of its own, and further nodes over it. */
async function logSchema() {
  const database = await testDatabase({ migrations: logMigrations, poolMax: 1 });
  databases.push(database);
  return { database, storage: async () => await postgresStorage(await database.again()) };
}

eventLogContract('PostgreSQL', async () => {
  const { storage } = await logSchema();
  const looking = await storage();
  return {
    open: async () => nodeOver(await storage()),
    deadLetters: async () =>
      (await looking.deadLetters()).map(({ group, record, reason }) => ({ group, key: record.key, reason })),
  };
});

const deleted = (n: number, more: Partial<NewEvent> = {}): NewEvent => ({
  topic: 'product.deleted',
  key: `p-${n}`,
  id: `e-${n}`,
  source: 'souk/products',
  time: n,
  data: { productId: `p-${n}`, sku: 'CUP', version: 1 },
  ...more,
});

describe('the log in PostgreSQL', () => {
  it('shows dead letters and gives them back once', async () => {
    const { database, storage } = await logSchema();
    const log = createStoredLog({ storage: await storage(), alert: () => {} });
    const letters = await openEmbeddedDeadLetters({ url: database.url, schema: database.schema, alert: () => {} });
    const handled = new Set<string>();
    const [second, again] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isBroken = true;
    await log.subscribe({
      group: 'carts',
      topics: ['product.deleted'],
      async handle(records) {
        const bad = records.find(({ id }) => id === 'e-1');
        if (bad !== undefined && isBroken) throw new PermanentFailure(bad.offset, 'this product is unknown');
        for (const { id } of records) handled.add(id);
        if (handled.has('e-2')) second.resolve();
        if (handled.has('e-1')) again.resolve();
      },
    });
    const [bad, good] = [deleted(1, { partition: 1 }), deleted(2, { partition: 1 })];
    await log.append([bad, good]);
    await second.promise;

    const [letter, ...others] = await letters.list();
    expect(others).toEqual([]);
    const reason = 'this product is unknown';
    expect(letter).toMatchObject({
      group: 'carts',
      topic: 'product.deleted',
      partition: 1,
      offset: 0,
      reason,
      key: 'p-1',
    });
    expect(JSON.parse(letter!.value)).toEqual(bad.data);
    expect(letter!.headers).toMatchObject({ ce_id: 'e-1', ce_source: 'souk/products' });
    isBroken = false;
    await letters.redrive(letter!.id);
    await again.promise;
    expect(await letters.list()).toEqual([]);
    expect(await letters.redriveAll('product.deleted')).toEqual([]);
    expect(await letters.show(letter!.id)).toMatchObject({ isRedriven: true });
    await expect(letters.redrive(letter!.id)).rejects.toThrow('already');
    await expect(letters.show('product.deleted:999')).rejects.toThrow('there is no dead letter');
    await letters.close();
    await log.close();
  });

  it('numbers without a gap when many nodes append to the same partitions', async () => {
    const { database, storage } = await logSchema();
    const nodes = await Promise.all(
      Array.from({ length: 4 }, async () => createStoredLog({ storage: await storage(), alert: () => {} })),
    );
    await Promise.all(
      nodes.map(async (node, n) => {
        for (let i = 0; i < 50; i++)
          await node.append(Array.from({ length: 20 }, (_, k) => deleted(n * 10_000 + i * 100 + k)));
      }),
    );
    const rows = await database.orm.em.execute<{ n: string; first: string; last: string; head: string }[]>(
      `select count(*) n, min(r."offset") first, max(r."offset") last, e."offset" head from records r join ends e using (topic, partition)
       group by topic, partition, e."offset"`,
    );
    expect(rows.reduce((sum, { n }) => sum + Number(n), 0)).toBe(4_000);
    for (const { n, first, last, head } of rows) {
      expect([Number(first), Number(last), Number(head)]).toEqual([0, Number(n) - 1, Number(n)]);
    }
    const [backwards] = await database.orm.em.execute<{ n: string }[]>(
      `select count(*) n from records a join records b using (topic, partition) where a."offset" < b."offset" and a.at > b.at`,
    );
    expect(Number(backwards?.n)).toBe(0);
    await Promise.all(nodes.map((node) => node.close()));
  });

  it('keeps a position within its era, and never moves it back', async () => {
    const { storage } = await logSchema();
    const store = await storage();
    const place = { topic: 'product.deleted', partition: 2 } as const;
    const position = async () =>
      (await store.claim('g', ['product.deleted'], 'me', 1_000)).find(({ partition }) => partition === 2);

    await store.advance('g', [{ ...place, era: 0, offset: 7 }]);
    await store.advance('g', [{ ...place, era: 0, offset: 5 }]);
    expect(await position()).toMatchObject({ offset: 7, era: 0 });
    await store.seek('g', { ...place, offset: 3 });
    await store.advance('g', [{ ...place, era: 0, offset: 9 }]);
    expect(await position()).toMatchObject({ offset: 3, era: 1 });
    await store.advance('g', [{ ...place, era: 1, offset: 4 }]);
    expect(await position()).toMatchObject({ offset: 4, era: 1 });
  });

  it('gives a lease to one holder, until it is given back or has run out', async () => {
    const { storage } = await logSchema();
    const store = await storage();
    const claim = async (holder: string, leaseMs = 60_000) =>
      (await store.claim('g', ['product.deleted'], holder, leaseMs)).length > 0;
    expect([await claim('a'), await claim('b'), await claim('a')]).toEqual([true, false, true]);
    await store.release('g', 'a');
    expect([await claim('b', 0), await claim('a'), await claim('b')]).toEqual([true, true, false]);
  });

  it('removes what has expired, and only that', async () => {
    const { database, storage } = await logSchema();
    const store = await storage();
    const log = createStoredLog({ storage: await storage(), alert: () => {} });
    await log.append(Array.from({ length: 12_000 }, (_, n) => deleted(n, { partition: 1 })));
    await database.orm.em.execute(`update records set at = at - 1000000 where "offset" < 11000`);
    await store.expire('product.deleted', 500_000);
    expect(
      (await store.read([{ topic: 'product.deleted', partition: 1, offset: 0 }], 2_000)).map(({ offset }) => offset),
    ).toEqual(Array.from({ length: 1_000 }, (_, n) => 11_000 + n));
    const seen = await new Promise<number>((resolve, reject) => {
      log
        .subscribe({ group: 'g', topics: ['product.deleted'], handle: async ([first]) => resolve(first?.offset ?? -1) })
        .catch(reject);
    });
    expect(seen).toBe(11_000);
    await log.close();
  });

  it('answers an append with 503 when the database is away, and takes the next one', async () => {
    const { database, storage } = await logSchema();
    const log = createStoredLog({ storage: await storage(), alert: () => {} });
    await log.append([deleted(1)]);
    await database.orm.em.execute(
      `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query like '%insert into records%'`,
    );
    const outcomes = await Promise.allSettled([log.append([deleted(2)])]);
    // The lost connection may be noticed before the append or by it; nothing in between.
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 503 });
    await log.append([deleted(3)]);
    await log.close();
  });
});
