import { describe, expect, it } from '@jest/globals';
import { type Product, productActor, type ProductCommand, type ProductEvent, productTransitions } from './product.ts';

const AT = 1_000;
const LATER = 2_000;

const lantern = {
  sku: '71053@3.39',
  name: 'WHITE METAL LANTERN',
  category: 'Garden/Lights',
  unitPrice: 33_900,
  currency: 'GBP',
  partition: 'main',
  stock: 1_000,
  origin: 'wish-1',
};
const created: ProductEvent = { type: 'Created', data: { ...lantern, at: AT } };
const deleted: ProductEvent = { type: 'Deleted', data: { at: AT } };

/** A product with this history, and what a command leads to. */
function given(...history: readonly ProductEvent[]) {
  const state = history.reduce(productActor.evolve, productActor.initial);
  return {
    state,
    when: (command: ProductCommand) => productActor.decide(state, { ...command, at: LATER }),
    after: (command: ProductCommand): Product => {
      const events = productActor.decide(state, { ...command, at: LATER });
      const end = (events as readonly ProductEvent[]).reduce(productActor.evolve, state);
      productActor.check(end);
      return end;
    },
  };
}

const create: ProductCommand = { type: 'Create', data: lantern };
const edit = (changes: object, revision?: number): ProductCommand => ({
  type: 'Edit',
  data: revision === undefined ? { changes } : { changes, revision },
});
const remove: ProductCommand = { type: 'Delete', data: {} };
const { stock: _stock, currency: _currency, ...bare } = lantern;
const row = (differing: object = {}): ProductCommand => ({
  type: 'Import',
  data: { ...bare, stock: 1_000, origin: 'wish-2', ...differing },
});

describe('creating', () => {
  it('makes a product live', () => {
    expect(given().when(create)).toEqual([{ type: 'Created', data: { ...lantern, at: LATER } }]);
    const { stock: __, ...facts } = lantern;
    expect(given().after(create)).toEqual({
      ...facts,
      status: 'live',
      revision: 1,
      createdAt: LATER,
      updatedAt: LATER,
    });
  });

  it('is refused while the SKU is sold', () => {
    expect(given(created).when(create)).toMatchObject({ refused: 'sku-exists' });
  });

  it('brings a deleted product back, anew', () => {
    const again = given(created, deleted).after({ type: 'Create', data: { ...lantern, name: 'LANTERN' } });
    expect(again).toMatchObject({ status: 'live', name: 'LANTERN', createdAt: LATER, revision: 3 });
  });

  it('hands the opening stock to the partition that the SKU lives in', () => {
    expect(productActor.react(given(created).state, created, 'p-1')).toEqual([
      {
        kind: 'send',
        to: 'stock',
        id: 'main',
        command: { type: 'Receive', data: { sku: '71053@3.39', quantity: 1_000 } },
      },
    ]);
  });

  it('asks stock for nothing when there is nothing to receive', () => {
    const empty: ProductEvent = { type: 'Created', data: { ...lantern, stock: 0, at: AT } };
    expect(productActor.react(given(empty).state, empty, 'p-1')).toEqual([]);
  });
});

describe('editing', () => {
  it('records what differs, and nothing else', () => {
    const changes = { name: 'LANTERN', unitPrice: 33_900, currency: 'GBP' };
    expect(given(created).when(edit(changes))).toEqual([
      { type: 'Edited', data: { changes: { name: 'LANTERN' }, at: LATER } },
    ]);
  });

  it('is nothing when nothing differs', () => {
    expect(given(created).when(edit({ name: lantern.name, description: null }))).toEqual([]);
  });

  it('takes an optional fact away by null', () => {
    const edited = given(created).after(edit({ category: null, description: 'Three candles high' }));
    expect(edited).toMatchObject({ description: 'Three candles high', revision: 2, createdAt: AT, updatedAt: LATER });
    expect(edited).not.toHaveProperty('category');
  });

  it('tells nobody', () => {
    const edited: ProductEvent = { type: 'Edited', data: { changes: { unitPrice: 1 }, at: AT } };
    expect(productActor.react(given(created, edited).state, edited, 'p-1')).toEqual([]);
  });

  it('is refused when the editor saw an older revision', () => {
    expect(given(created).when(edit({ name: 'X' }, 1))).toHaveLength(1);
    expect(given(created).when(edit({ name: 'X' }, 2))).toMatchObject({ refused: 'precondition-failed' });
  });

  it('is refused when there is no such product, or no longer', () => {
    expect(given().when(edit({ name: 'X' }))).toMatchObject({ refused: 'not-found' });
    expect(given(created, deleted).when(edit({ name: 'X' }))).toMatchObject({ refused: 'not-found' });
  });
});

describe('deleting', () => {
  it('keeps the product, as deleted, and makes it public', () => {
    expect(given(created).after(remove)).toMatchObject({ status: 'deleted', name: lantern.name, revision: 2 });
    expect(productActor.react(given(created, deleted).state, deleted, 'p-1')).toEqual([
      { kind: 'publish', topic: 'product.deleted', key: 'p-1', data: { productId: 'p-1', sku: '71053@3.39' } },
    ]);
  });

  it('is fulfilled when it is repeated', () => {
    expect(given(created, deleted).when(remove)).toEqual([]);
  });

  it('is refused when there never was such a product, or the caller saw an older revision', () => {
    expect(given().when(remove)).toMatchObject({ refused: 'not-found' });
    expect(given(created).when({ type: 'Delete', data: { revision: 7 } })).toMatchObject({
      refused: 'precondition-failed',
    });
  });
});

describe('importing', () => {
  it('creates what is not there, in pounds if the row has no currency', () => {
    expect(given().after(row())).toMatchObject({ status: 'live', currency: 'GBP', origin: 'wish-2' });
    expect(given().after(row({ currency: 'EUR' }))).toMatchObject({ currency: 'EUR' });
  });

  it('creates a deleted product anew', () => {
    expect(given(created, deleted).after(row())).toMatchObject({ status: 'live', revision: 3 });
  });

  it('changes nothing when the row says what is known', () => {
    expect(given(created).when(row())).toEqual([]);
    expect(given(created).when(row({ stock: 5 }))).toEqual([]);
  });

  it('edits what differs; an empty cell takes the fact away', () => {
    expect(given(created).when(row({ unitPrice: 10_000, category: undefined }))).toEqual([
      { type: 'Edited', data: { changes: { unitPrice: 10_000, category: null }, at: LATER } },
    ]);
  });

  it('keeps the currency of a product that has one', () => {
    const euros: ProductEvent = { type: 'Created', data: { ...lantern, currency: 'EUR', at: AT } };
    expect(given(euros).when(row())).toEqual([]);
    expect(given(euros).after(row({ currency: 'USD' }))).toMatchObject({ currency: 'USD' });
  });
});

describe('the life of a product', () => {
  it('reaches every status, and leaves each one', () => {
    const reached = new Set(Object.values(productTransitions).flatMap((next) => Object.values(next)));
    expect([...reached].sort()).toEqual(['deleted', 'live']);
    for (const next of Object.values(productTransitions)) expect(Object.keys(next)).not.toHaveLength(0);
  });

  it('has no place for an event out of turn', () => {
    expect(() => given(deleted)).toThrow('a product that is absent cannot have the event Deleted');
    expect(() => given(created, created)).toThrow('a product that is live cannot have the event Created');
  });

  it('never comes to a state that must not be', () => {
    const { state } = given(created);
    productActor.check(productActor.initial);
    productActor.check(state);
    const wrong: readonly (readonly [Partial<Product>, string])[] = [
      [{ sku: '' }, 'has a SKU and a name'],
      [{ name: '' }, 'has a SKU and a name'],
      [{ unitPrice: -1 }, 'a price is'],
      [{ unitPrice: 0.5 }, 'a price is'],
      [{ currency: 'gbp' }, 'a currency is'],
      [{ partition: '' }, 'lives in a stock partition'],
    ];
    for (const [part, words] of wrong) expect(() => productActor.check({ ...state, ...part })).toThrow(words);
  });

  it('knows no other words', () => {
    const { state } = given(created);
    expect(() => given().when({ type: 'Paint', data: {} } as never)).toThrow('impossible message');
    expect(() => productActor.react(state, { type: 'Painted', data: {} } as never, 'p-1')).toThrow(
      'impossible message',
    );
    expect(() => productActor.evolve(state, { type: 'Painted', data: {} } as never)).toThrow('cannot have the event');
  });
});
