import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Principal } from '../../mixins/caller.ts';
import { commandIdOf, fingerprintOf, keyOf, randomCommandId } from './command-id.ts';
import { route } from './route.ts';

const cancel = route('POST /api/v1/orders/{id}/cancel', {
  action: 'orders.cancel',
  summary: '',
  who: 'order',
  idempotent: true,
});
const ship = route('POST /api/v1/orders/{id}/ship', {
  action: 'orders.ship',
  summary: '',
  who: 'staff',
  idempotent: true,
});
const ada: Principal = { kind: 'user', id: 'u-1', role: 'customer' };
const key = createSecretKey(Buffer.alloc(32, 1));

describe('a command id', () => {
  const id = commandIdOf(ada, cancel, { id: 'o-1' }, 'k');

  it('is the same for the same wish, whatever became of the role meanwhile', () => {
    expect(commandIdOf({ ...ada, role: 'staff' }, cancel, { id: 'o-1' }, 'k')).toBe(id);
  });

  it('is another one for another caller, call, object or key', () => {
    const others = [
      commandIdOf({ kind: 'user', id: 'u-2', role: 'customer' }, cancel, { id: 'o-1' }, 'k'),
      commandIdOf({ kind: 'order', orderId: 'u-1' }, cancel, { id: 'o-1' }, 'k'),
      commandIdOf({ kind: 'cart', token: 'u-1' }, cancel, { id: 'o-1' }, 'k'),
      commandIdOf({ kind: 'guest' }, cancel, { id: 'o-1' }, 'k'),
      commandIdOf(ada, ship, { id: 'o-1' }, 'k'),
      commandIdOf(ada, cancel, { id: 'o-2' }, 'k'),
      commandIdOf(ada, cancel, { id: 'o-1' }, 'k2'),
    ];
    expect(new Set([id, ...others]).size).toBe(others.length + 1);
  });

  it('is random and in the order of time without a key', () => {
    const ids = Array.from({ length: 2_000 }, (_, i) => randomCommandId(1_700_000_000_000 + i));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
    for (const each of ids) expect(each).toMatch(/^018bcfe5-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });
});

describe('a fingerprint', () => {
  const body = { lines: [{ productId: 'p', quantity: 1 }], email: 'a@b.cc' };
  const fingerprint = fingerprintOf(key, cancel, { id: 'o-1' }, body);

  it('does not depend on how the JSON is laid out', () => {
    const other = { email: 'a@b.cc', lines: [{ quantity: 1, productId: 'p' }] };
    expect(fingerprintOf(key, cancel, { id: 'o-1' }, other)).toBe(fingerprint);
  });

  it.each([[{ ...body, lines: [] }], [{ ...body, email: null }], [{ ...body, more: 1 }], [undefined], [[body]]])(
    'tells %j apart',
    (other) => {
      expect(fingerprintOf(key, cancel, { id: 'o-1' }, other)).not.toBe(fingerprint);
    },
  );

  it('tells nothing without the key: bodies hold passwords', () => {
    expect(fingerprintOf(createSecretKey(Buffer.alloc(32, 2)), cancel, { id: 'o-1' }, body)).not.toBe(fingerprint);
  });
});

describe('an Idempotency-Key', () => {
  it.each(['k', 'x'.repeat(128), '!~"#'])('may be %s', (value) =>
    expect(keyOf(cancel, { 'idempotency-key': value })).toBe(value),
  );
  it.each(['', 'a b', 'x'.repeat(129), 'é', '\t'])('may not be %j', (value) => {
    expect(() => keyOf(cancel, { 'idempotency-key': value })).toThrow(
      expect.objectContaining({ type: 'invalid-request' }),
    );
  });
  it('means nothing to calls that take none', () => {
    expect(keyOf({ ...cancel, idempotent: false }, { 'idempotency-key': '' })).toBeUndefined();
  });
});
