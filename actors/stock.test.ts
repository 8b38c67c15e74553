// Stock, in the domain's words: what is promised, sold and brought back, and why none of it is ever counted twice.
import { describe, expect, it } from '@jest/globals';
import { InvariantViolated, isRefusal } from './actor.ts';
import {
  availableOf,
  balancesOf,
  movementKey,
  perSku,
  RECEIVED_MAX,
  reservationKey,
  reservationTransitions,
  returnKey,
  skuKey,
  type Stock,
  stockActor,
  type StockCommand,
  type StockEvent,
  type StockLine,
} from './stock.ts';

const AT = 1_700_000_000_000;
const line = (sku: string, quantity: number): StockLine => ({ sku, productId: `p-${sku}`, quantity });

const receive = (sku: string, quantity: number): StockCommand => ({ type: 'Receive', data: { sku, quantity } });
const writeOff = (sku: string, quantity: number): StockCommand => ({
  type: 'WriteOff',
  data: { sku, quantity, reason: 'broken' },
});
const reserve = (orderId: string, ...lines: StockLine[]): StockCommand => ({
  type: 'Reserve',
  data: { orderId, lines },
});
const commit = (orderId: string, ...lines: StockLine[]): StockCommand => ({ type: 'Commit', data: { orderId, lines } });
const release = (orderId: string, ...lines: StockLine[]): StockCommand => ({
  type: 'Release',
  data: { orderId, lines },
});
const back = (refundId: string, ...lines: StockLine[]): StockCommand => ({
  type: 'Return',
  data: { orderId: 'o', refundId, lines },
});

/** The whole partition after the commands, each of which must be taken. Each command sees only the rows it needs. */
function given(...commands: StockCommand[]): Stock {
  return commands.reduce<Stock>((stock, command) => {
    const events = when(stock, command);
    if (isRefusal(events)) throw new Error(`${command.type} was refused: ${events.detail}`);
    return { ...stock, ...then(sliceFor(stock, command), events) };
  }, stockActor.initial);
}

const sliceFor = (stock: Stock, command: StockCommand): Stock =>
  Object.fromEntries((stockActor.needs?.(command) ?? []).map((key) => [key, stock[key]]));

const when = (stock: Stock, command: StockCommand) =>
  stockActor.decide(sliceFor(stock, command), { ...command, at: AT });

function then(slice: Stock, events: readonly StockEvent[]): Stock {
  return events.reduce((state, event) => {
    const next = stockActor.evolve(state, event);
    stockActor.check(next);
    expect(Object.keys(next).every((key) => key in slice)).toBe(true);
    return next;
  }, slice);
}

const told = (stock: Stock, command: StockCommand) =>
  (when(stock, command) as StockEvent[]).flatMap((event) => stockActor.react(stock, event, 'main'));
const statusOf = (stock: Stock, orderId: string) => stock[reservationKey(orderId)];
const balances = (stock: Stock, sku = 'mug') => {
  const { kind: _, ...counts } = balancesOf(stock, sku);
  return counts;
};
const none = { received: 0, onHand: 0, reserved: 0, sold: 0, returned: 0, writtenOff: 0 };

describe('a delivery', () => {
  it('is on hand at once, also of a SKU that nobody had heard of', () => {
    expect(balances(given(receive('mug', 5), receive('mug', 2)))).toEqual({ ...none, received: 7, onHand: 7 });
  });

  it.each([0, -1, 0.5, Number.NaN])('of %s pieces is refused', (quantity) => {
    expect(when({}, receive('mug', quantity))).toMatchObject({
      refused: 'invalid-request',
      errors: [{ pointer: '/quantity', code: 'out-of-range' }],
    });
    expect(when({}, writeOff('mug', quantity))).toMatchObject({ refused: 'invalid-request' });
  });

  it('cannot bring more than can be counted', () => {
    const full = given(receive('mug', RECEIVED_MAX));
    expect(when(full, receive('mug', 1))).toMatchObject({ refused: 'invalid-request' });
  });

  it('tells nobody', () => {
    expect(told({}, receive('mug', 1))).toEqual([]);
  });
});

describe('a write-off', () => {
  it('takes available pieces away', () => {
    const stock = given(receive('mug', 5), writeOff('mug', 2));
    expect(balances(stock)).toEqual({ ...none, received: 5, onHand: 3, writtenOff: 2 });
    expect(told(stock, writeOff('mug', 1))).toEqual([]);
  });

  it('cannot take what is promised to an order', () => {
    const stock = given(receive('mug', 5), reserve('o', line('mug', 4)));
    expect(when(stock, writeOff('mug', 2))).toMatchObject({
      refused: 'insufficient-stock',
      errors: [{ pointer: '/quantity', requested: 2, available: 1 }],
    });
    expect(when({}, writeOff('mug', 1))).toMatchObject({ refused: 'insufficient-stock', errors: [{ available: 0 }] });
  });
});

describe('a movement with a name', () => {
  const named = (command: StockCommand, movementId: string) =>
    ({ ...command, data: { ...command.data, movementId } }) as StockCommand;
  const [delivery, loss] = [named(receive('mug', 5), 'm-1'), named(writeOff('mug', 2), 'm-2')];

  it('is counted once, however late it is repeated', () => {
    const stock = given(delivery, loss);
    expect(balances(stock)).toEqual({ ...none, received: 5, onHand: 3, writtenOff: 2 });
    expect(when(stock, delivery)).toEqual([]);
    expect(when(stock, loss)).toEqual([]);
    expect(stock[movementKey('m-2')]).toEqual({ kind: 'movement', sku: 'mug', quantity: 2 });
  });

  it('is a fulfilled wish even where the shelf would be too empty for another one', () => {
    const all = named(writeOff('mug', 5), 'm-3');
    expect(when(given(delivery, all), all)).toEqual([]);
    expect(when(given(delivery, all), named(writeOff('mug', 5), 'm-4'))).toMatchObject({
      refused: 'insufficient-stock',
    });
  });

  it('is another one under another name, or without any', () => {
    const more = [named(receive('mug', 5), 'm-5'), receive('mug', 5), receive('mug', 5)];
    expect(balances(given(delivery, ...more))).toMatchObject({ received: 20 });
  });

  it('cannot lend its name to other pieces', () => {
    for (const other of [receive('mug', 6), receive('cup', 5)])
      expect(when(given(delivery), named(other, 'm-1'))).toMatchObject({ refused: 'idempotency-key-reused' });
  });

  it('that was refused leaves nothing behind', () => {
    expect(balances(given(delivery, named(writeOff('mug', 5), 'm-2')))).toMatchObject({ writtenOff: 5 });
    expect(when({}, loss)).toMatchObject({ refused: 'insufficient-stock' });
  });
});

describe('a reservation', () => {
  const shelves = [receive('mug', 5), receive('cup', 1)];

  it('holds all lines of an order, and answers it', () => {
    const wish = reserve('o', line('mug', 2), line('cup', 1));
    const stock = given(...shelves, wish);
    expect(balances(stock)).toEqual({ ...none, received: 5, onHand: 5, reserved: 2 });
    expect(balances(stock, 'cup')).toMatchObject({ reserved: 1 });
    expect(availableOf(balancesOf(stock, 'mug'))).toBe(3);
    expect(told(given(...shelves), wish)).toEqual([
      { kind: 'send', to: 'order', id: 'o', command: { type: 'RecordReserved', data: { partition: 'main' } } },
    ]);
  });

  it('holds nothing if one line is short, and says what was asked for and what there is', () => {
    const wish = reserve('o', line('mug', 2), line('cup', 2), line('hat', 1));
    const shortages = [
      { sku: 'cup', productId: 'p-cup', requested: 2, available: 1 },
      { sku: 'hat', productId: 'p-hat', requested: 1, available: 0 },
    ];
    expect(told(given(...shelves), wish)).toEqual([
      {
        kind: 'send',
        to: 'order',
        id: 'o',
        command: { type: 'RecordShortage', data: { partition: 'main', shortages } },
      },
    ]);
    const stock = given(...shelves, wish);
    expect(balances(stock)).toMatchObject({ reserved: 0 });
    expect(statusOf(stock, 'o')).toEqual({ kind: 'reservation', status: 'rejected', lines: [] });
    expect(stock[skuKey('hat')]).toBeUndefined();
  });

  it('sums repeated SKUs before it looks at the shelf', () => {
    const twice = reserve('o', line('mug', 3), line('mug', 3));
    expect(when(given(...shelves), twice)).toMatchObject([
      { type: 'Rejected', data: { shortages: [{ requested: 6, available: 5 }] } },
    ]);
    expect(balances(given(...shelves, reserve('o', line('mug', 3), line('mug', 2))))).toMatchObject({ reserved: 5 });
    expect(perSku([line('a', 1), line('b', 2), line('a', 3)])).toEqual([line('a', 4), line('b', 2)]);
  });

  it('is made once, whatever became of it', () => {
    const wish = reserve('o', line('mug', 2));
    const ends: StockCommand[][] = [[], [commit('o', line('mug', 2))], [release('o', line('mug', 2))]];
    for (const end of ends) expect(when(given(...shelves, wish, ...end), wish)).toEqual([]);
    expect(when(given(wish, ...shelves), wish)).toEqual([]);
  });

  it('never promises the last piece twice', () => {
    const stock = given(...shelves, reserve('first', line('cup', 1)));
    expect(when(stock, reserve('second', line('cup', 1)))).toMatchObject([{ type: 'Rejected' }]);
  });
});

describe('a commit', () => {
  const held = [receive('mug', 5), reserve('o', line('mug', 2))];

  it('sells what was held', () => {
    const stock = given(...held, commit('o', line('mug', 2)));
    expect(balances(stock)).toEqual({ ...none, received: 5, onHand: 3, sold: 2 });
    expect(statusOf(stock, 'o')).toEqual({ kind: 'reservation', status: 'committed', lines: [] });
    expect(when(stock, commit('o', line('mug', 2)))).toEqual([]);
    expect(told(given(...held), commit('o', line('mug', 2)))).toEqual([]);
  });

  it('of what is not held is a bug, and loud', () => {
    expect(() => when(given(receive('mug', 5)), commit('o', line('mug', 2)))).toThrow(InvariantViolated);
    const released = given(...held, release('o', line('mug', 2)));
    expect(() => when(released, commit('o', line('mug', 2)))).toThrow(InvariantViolated);
  });

  it('outlasts a release that comes after it', () => {
    expect(when(given(...held, commit('o', line('mug', 2))), release('o', line('mug', 2)))).toEqual([]);
  });
});

describe('a release', () => {
  const lines = [line('mug', 2)];

  it('gives back what was held, once', () => {
    const stock = given(receive('mug', 5), reserve('o', ...lines), release('o', ...lines));
    expect(balances(stock)).toEqual({ ...none, received: 5, onHand: 5 });
    expect(when(stock, release('o', ...lines))).toEqual([]);
    expect(told(given(receive('mug', 5), reserve('o', ...lines)), release('o', ...lines))).toEqual([]);
  });

  it('that overtakes its reservation leaves a tombstone, and the reservation holds nothing', () => {
    const stock = given(receive('mug', 5), release('o', ...lines));
    expect(statusOf(stock, 'o')).toEqual({ kind: 'reservation', status: 'released', lines: [] });
    expect(when(stock, reserve('o', ...lines))).toEqual([]);
  });

  it('of a rejected reservation changes nothing', () => {
    expect(when(given(reserve('o', ...lines)), release('o', ...lines))).toEqual([]);
  });
});

describe('a return', () => {
  const sold = [receive('mug', 5), reserve('o', line('mug', 3)), commit('o', line('mug', 3))];

  it('puts pieces back on the shelf, once per refund', () => {
    const stock = given(...sold, back('o/r', line('mug', 1), line('mug', 1)));
    expect(balances(stock)).toEqual({ ...none, received: 5, onHand: 4, sold: 3, returned: 2 });
    expect(stock[returnKey('o/r')]).toEqual({ kind: 'return', lines: [line('mug', 2)] });
    expect(when(stock, back('o/r', line('mug', 2)))).toEqual([]);
    expect(balances(given(...sold, back('o/r', line('mug', 1)), back('o/s', line('mug', 2))))).toMatchObject({
      returned: 3,
    });
    expect(told(given(...sold), back('o/r', line('mug', 1)))).toEqual([]);
  });

  it('is right before the sale that it undoes', () => {
    const [, , sale] = sold as [StockCommand, StockCommand, StockCommand];
    const early = given(...sold.slice(0, 2), back('o/r', line('mug', 3)), sale);
    expect(early).toEqual(given(...sold, back('o/r', line('mug', 3))));
  });
});

describe('the rows', () => {
  it('that a command sees are the ones it names, each once', () => {
    expect(stockActor.needs?.(reserve('o', line('a', 1), line('b', 1), line('a', 1)))).toEqual([
      'sku:a',
      'sku:b',
      'reservation:o',
    ]);
    expect(stockActor.needs?.(back('o/r', line('a', 1)))).toEqual(['sku:a', 'return:o/r']);
    expect(stockActor.needs?.(receive('a', 1))).toEqual(['sku:a']);
    const named: StockCommand = { type: 'Receive', data: { sku: 'a', quantity: 1, movementId: 'm' } };
    expect(stockActor.needs?.(named)).toEqual(['sku:a', 'movement:m']);
  });

  it('that an event leaves alone stay the same objects', () => {
    const stock = given(receive('mug', 5), receive('cup', 1));
    const next = stockActor.evolve(stock, { type: 'Received', data: { sku: 'mug', quantity: 1 } });
    expect(next[skuKey('cup')]).toBe(stock[skuKey('cup')]);
  });
});

describe('the transitions of a reservation', () => {
  it('reach every status, and are the only way', () => {
    const reached = new Set<keyof typeof reservationTransitions>(['none']);
    for (const status of reached) {
      for (const next of Object.values(reservationTransitions[status])) reached.add(next);
    }
    expect([...reached].sort()).toEqual(Object.keys(reservationTransitions).sort());
    const sale: StockEvent = { type: 'Committed', data: { orderId: 'o', lines: [] } };
    expect(() => stockActor.evolve({}, sale)).toThrow(InvariantViolated);
  });

  it('know no other message', () => {
    const odd = { type: 'Vanish', data: {} };
    expect(() => stockActor.decide({}, { ...odd, at: AT } as never)).toThrow(InvariantViolated);
    expect(() => stockActor.needs?.(odd as never)).toThrow(InvariantViolated);
    expect(() => stockActor.evolve({}, odd as never)).toThrow(InvariantViolated);
    expect(() => stockActor.react({}, odd as never, 'main')).toThrow(InvariantViolated);
  });
});

describe('the check', () => {
  it.each([
    ['pieces below zero', { received: -1, onHand: -1 }],
    ['half a piece', { received: 0.5, onHand: 0.5 }],
    ['more reserved than on hand', { received: 1, onHand: 1, reserved: 2 }],
    ['a piece that came from nowhere', { onHand: 1 }],
    ['a piece that is gone', { received: 2, onHand: 1 }],
  ])('finds %s', (_, wrong) => {
    const row = { kind: 'sku' as const, ...none, ...wrong };
    expect(() => stockActor.check({ [skuKey('mug')]: row })).toThrow(InvariantViolated);
  });
});
