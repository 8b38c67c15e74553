import { describe, expect, it, jest } from '@jest/globals';
import { eventLogContract, nodeOver } from './event-log.contract.ts';
import type { NewEvent } from './event-log.ts';
import { InvalidEvent } from './log-appender.ts';
import { LogUnavailable } from './log-storage.ts';
import { createMemoryLog, memoryStorage } from './memory-log.ts';
import { topics } from './topics.ts';

eventLogContract('memory', async () => {
  const storage = memoryStorage();
  return {
    open: async () => nodeOver(storage),
    deadLetters: async () =>
      (await storage.deadLetters()).map(({ group, record, reason }) => ({ group, key: record.key, reason })),
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

describe('appends', () => {
  it('that wait share one write', async () => {
    const storage = memoryStorage();
    const writes: number[] = [];
    const log = createMemoryLog({
      storage: { ...storage, append: (events) => (writes.push(events.length), storage.append(events)) },
    });
    await Promise.all(Array.from({ length: 100 }, (_, n) => log.append([deleted(n)])));
    expect(writes).toEqual([100]);
    await log.close();
  });

  it('fail alone where one of them spoils the write', async () => {
    const storage = memoryStorage();
    const log = createMemoryLog({
      storage: {
        ...storage,
        append: (events) =>
          events.some(({ id }) => id === 'e-3') ? Promise.reject(new Error('no room')) : storage.append(events),
      },
    });
    const settled = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => log.append([deleted(n)])));
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    await log.close();
  });

  it('are told to come back when the storage is away', async () => {
    const log = createMemoryLog({
      storage: { ...memoryStorage(), append: () => Promise.reject(new LogUnavailable('gone')) },
    });
    await expect(Promise.all([log.append([deleted(1)]), log.append([deleted(2)])])).rejects.toMatchObject({
      code: 503,
    });
    await log.close();
  });

  it('name the event that no log may take', async () => {
    const log = createMemoryLog();
    const wrong = log.append([deleted(1), deleted(2, { data: { productId: 'p' } })]);
    await expect(wrong).rejects.toBeInstanceOf(InvalidEvent);
    await expect(wrong).rejects.toMatchObject({ index: 1 });
    await log.close();
  });
});

describe('a consumer', () => {
  it('puts aside what is no JSON', async () => {
    const storage = memoryStorage();
    const alerts: string[] = [];
    const log = createMemoryLog({ storage, alert: (what) => alerts.push(what) });
    const checked = { topic: 'product.deleted', partition: 0, source: 's', time: 1 } as const;
    await storage.append([
      { ...checked, key: 'a', id: 'a', value: '{"bro' },
      { ...checked, key: 'b', id: 'b', value: 'null' },
      { ...checked, key: 'c', id: 'c', value: '{}' },
    ]);
    const seen = await new Promise<string[]>((resolve, reject) => {
      const handle = async (records: readonly { readonly id: string }[]) => resolve(records.map(({ id }) => id));
      log.subscribe({ group: 'g', topics: ['product.deleted'], handle }).catch(reject);
    });
    expect(seen).toEqual(['c']);
    expect((await log.deadLetters()).map(({ record }) => record.id)).toEqual(['a', 'b']);
    expect(alerts).toEqual(['event dead-lettered', 'event dead-lettered']);
    await log.close();
  });

  it('that keeps failing is told of', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const alerts: object[] = [];
    const log = createMemoryLog({ alert: (what, particulars) => alerts.push({ what, ...particulars }) });
    await log.append([deleted(1)]);
    await log.subscribe({ group: 'g', topics: ['product.deleted'], handle: () => Promise.reject(new Error('away')) });
    await jest.advanceTimersByTimeAsync(5_000);
    expect(alerts).toMatchObject([{ what: 'consumer keeps failing', group: 'g', failures: 8 }]);
    await log.close();
    jest.useRealTimers();
  });

  it('goes on after what has expired', async () => {
    let now = 1_000;
    const storage = memoryStorage(() => now);
    const log = createMemoryLog({ storage });
    await log.append([deleted(1), deleted(1)]);
    now += topics['product.deleted'].retentionMs + 1;
    await log.append([deleted(1, { id: 'kept' })]);
    await storage.expire('product.deleted', topics['product.deleted'].retentionMs);
    const seen = await new Promise<number[]>((resolve, reject) => {
      const handle = async (records: readonly { readonly offset: number }[]) =>
        resolve(records.map(({ offset }) => offset));
      log.subscribe({ group: 'g', topics: ['product.deleted'], handle }).catch(reject);
    });
    expect(seen).toEqual([2]);
    await log.close();
  });

  it('gets a record once that it reads while the append is still waiting for its answer', async () => {
    const storage = memoryStorage();
    const [readBegun, appended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = {
      ...storage,
      async append(...events: Parameters<typeof storage.append>) {
        const records = await storage.append(...events);
        await readBegun.promise;
        return records;
      },
      async read(...wanted: Parameters<typeof storage.read>) {
        const records = await storage.read(...wanted);
        readBegun.resolve();
        await appended.promise;
        return records;
      },
    };
    const log = createMemoryLog({ storage: slow });
    const seen: string[] = [];
    const last = Promise.withResolvers<void>();
    await log.subscribe({
      group: 'g',
      topics: ['product.deleted'],
      async handle(records) {
        seen.push(...records.map(({ id }) => id));
        if (seen.includes('last')) last.resolve();
      },
    });
    await log.append([deleted(1, { id: 'first' }), deleted(1, { id: 'second' })]);
    appended.resolve();
    await log.append([deleted(1, { id: 'last' })]);
    await last.promise;
    expect(seen).toEqual(['first', 'second', 'last']);
    await log.close();
  });

  it('misses nothing that is appended while it looks for what has expired', async () => {
    let now = 1_000;
    const storage = memoryStorage(() => now);
    let meanwhile: (() => Promise<void>) | undefined;
    const slow = {
      ...storage,
      async read(...wanted: Parameters<typeof storage.read>) {
        const records = await storage.read(...wanted);
        const act = meanwhile;
        meanwhile = undefined;
        await act?.();
        return records;
      },
    };
    const log = createMemoryLog({ storage: slow });
    await log.append([deleted(1), deleted(1)]);
    now += topics['product.deleted'].retentionMs + 1;
    await storage.expire('product.deleted', topics['product.deleted'].retentionMs);
    meanwhile = () => log.append([deleted(1, { id: 'kept' })]);
    const seen = await new Promise<string[]>((resolve, reject) => {
      const handle = async (records: readonly { readonly id: string }[]) => resolve(records.map(({ id }) => id));
      log.subscribe({ group: 'g', topics: ['product.deleted'], handle }).catch(reject);
    });
    expect(seen).toEqual(['kept']);
    await log.close();
  });
});
