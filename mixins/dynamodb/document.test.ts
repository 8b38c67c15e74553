// What becomes of a document, without any database.
import { describe, expect, it } from '@jest/globals';
import { bucketOf, type Change, type Outgoing } from '../store.ts';
import {
  applied,
  type Document,
  documentOf,
  HANDLED_MAX,
  ITEM_BYTES_MAX,
  itemOf,
  pendingOf,
  sizeOf,
} from './document.ts';

const publish = (version: number, more: Partial<Outgoing> = {}): Outgoing => ({
  messageId: `cart/c1/${version}/0/0`,
  kind: 'publish',
  target: 'cart.updated',
  sender: 'c1',
  key: 'c1',
  body: JSON.stringify({ version }),
  sealed: false,
  at: 1_000 + version,
  bucket: bucketOf('c1', 'c1'),
  ...more,
});

const change = (version: number, more: Partial<Change> = {}): Change => ({
  id: 'c1',
  expected: version - 1,
  version,
  state: { version },
  rows: [],
  journal: [],
  handled: [{ id: 'c1', commandId: `command-${version}`, version }],
  outbox: [publish(version)],
  timers: [],
  cancelled: [],
  ...more,
});

const how = { stamp: 'stamp', storedAt: 1_234, expiresAt: undefined, latestOnly: new Set<string>() };
const after = (...changes: Change[]) =>
  changes.reduce<Document | undefined>((document, each) => applied(document, each, how), undefined)!;

describe('a document', () => {
  it('comes back from its item as it was', () => {
    const answered = { id: 'c1', commandId: 'with answer', version: 2, fingerprint: 'f', answer: '{"a":1}' };
    const document = { ...after(change(1), change(2, { handled: [answered] })), expiresAt: 1_800_000_000 };
    expect(documentOf(itemOf(document))).toEqual(document);
    const bare = { ...after(change(1, { outbox: [], handled: [] })), state: undefined };
    expect(documentOf(itemOf(bare))).toEqual(bare);
  });

  it('keeps its state when the change brings none', () => {
    const { state: _, ...silent } = change(2);
    expect(after(change(1), silent)).toMatchObject({ version: 2, state: '{"version":1}' });
  });

  it('remembers the last so many commands', () => {
    const versions = Array.from({ length: HANDLED_MAX + 3 }, (_, i) => i + 1);
    const { handled } = after(...versions.map((version) => change(version)));
    expect(handled.map(({ version }) => version)).toEqual(versions.slice(3));
  });

  it('numbers its outbox rows over all commits', () => {
    const both = [publish(2), publish(2, { messageId: 'cart/c1/2/0/1' })];
    const { pending, rows } = after(change(1), change(2, { outbox: both }));
    expect([pending.map(({ seq }) => seq), rows]).toEqual([['000000000000', '000000000001', '000000000002'], 3]);
    expect(pendingOf(itemOf(after(change(1, { outbox: [] }))))).toEqual([]);
  });

  it('lets the newest event replace unsent older ones where that was asked for, and nothing else', () => {
    const send = publish(1, { kind: 'send', target: 'cart', key: 'user-1', messageId: 'a send' });
    const other = publish(2, { key: 'c2', messageId: 'another key' });
    const latest = { ...how, latestOnly: new Set(['cart.updated']) };
    const first = applied(undefined, change(1, { outbox: [publish(1), send] }), latest);
    const second = applied(first, change(2, { outbox: [other, publish(2)] }), latest);
    expect(second.pending.map(({ messageId }) => messageId)).toEqual(['a send', 'another key', 'cart/c1/2/0/0']);
  });

  it('of 2,000 lines fits into an item, with its event not yet sent', () => {
    const productId = (i: number) =>
      String(i).padStart(4, '0') + 'é'.repeat(2) + crypto.randomUUID().repeat(2).slice(0, 58);
    const lines = Array.from({ length: 2_000 }, (_, i) => ({
      productId: productId(i),
      quantity: 1_000_000,
      paid: 1_000_000,
    }));
    const outbox = [publish(1, { body: JSON.stringify({ cartId: 'c1', lines, version: 1 }) })];
    const item = itemOf(after(change(1, { state: { status: 'open', lines }, outbox })));
    expect(sizeOf(item)).toBeLessThan(ITEM_BYTES_MAX);
    expect(documentOf(item).pending[0]?.body).toBe(outbox[0]?.body);
  });

  it('is as large as DynamoDB counts it: names and values', () => {
    expect(
      sizeOf({ id: { S: 'é' }, version: { N: '12' }, state: { B: new Uint8Array(5) }, none: { NULL: true } }),
    ).toBe(2 + 2 + 7 + 2 + 5 + 5 + 4);
  });
});
