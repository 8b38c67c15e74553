import { describe, expect, it } from '@jest/globals';
import { memoryStore } from './memory-store.ts';
import { storeContract } from './store.contract.ts';

storeContract('memory', async () => ({ store: memoryStore('order'), close: async () => {} }));

describe('memory, to look into', () => {
  it('shows every message that was ever to leave, blanked where it was sealed and delivered', async () => {
    const store = memoryStore('order');
    const row = (n: number, sealed: boolean) => ({
      messageId: `m-${n}`,
      kind: 'send' as const,
      target: 'stock',
      sender: 'o',
      key: 'main',
      body: '{}',
      sealed,
      at: 1,
      bucket: 0,
    });
    const rows = [row(1, false), row(2, true), row(3, true)];
    await store.commit([
      { id: 'o', expected: 0, version: 1, rows: [], journal: [], handled: [], outbox: rows, timers: [], cancelled: [] },
    ]);
    await store.acknowledge(rows.slice(0, 2));
    expect(store.outbox().map(({ messageId, body, sent }) => [messageId, body, sent])).toEqual([
      ['m-1', '{}', true],
      ['m-2', '', true],
      ['m-3', '{}', false],
    ]);
  });

  it('goes by the clock it is given', async () => {
    let now = 0;
    const store = memoryStore('order', { now: () => now, leaseMs: 10 });
    expect(await store.lease('a')).toHaveLength(64);
    expect(await store.lease('b')).toEqual([]);
    now = 10;
    expect(await store.lease('b')).toHaveLength(64);
  });
});
