// Carts, in the domain's words. The merge is also run with every interruption and repetition that it can meet (I13).
import { describe, expect, it } from '@jest/globals';
import { isRefusal } from './actor.ts';
import {
  type Cart,
  type CartCommand,
  type CartEvent,
  cartActor,
  cartIdOfUser,
  mergeOf,
  REMEMBERED_MAX,
  transitions,
} from './cart.ts';
import { LINES_MAX, QUANTITY_MAX } from './order.ts';

const AT = 1_700_000_000_000;
const apple = { productId: 'apple', quantity: 2 };
const pear = { productId: 'pear', quantity: 5 };

/** The cart after the commands, each of which must be taken. */
function given(...commands: CartCommand[]): Cart {
  return commands.reduce((cart, command) => after(cart, command), cartActor.initial);
}

function after(cart: Cart, command: CartCommand, at = AT): Cart {
  const events = when(cart, command, at);
  if (isRefusal(events)) throw new Error(`${command.type} was refused: ${events.detail}`);
  return then(cart, events);
}

const when = (cart: Cart, command: CartCommand, at = AT) => cartActor.decide(cart, { ...command, at });

function then(cart: Cart, events: readonly CartEvent[]): Cart {
  return events.reduce((state, event) => {
    const next = cartActor.evolve(state, event);
    cartActor.check(next);
    return next;
  }, cart);
}

const set = (productId: string, quantity: number): CartCommand => ({ type: 'SetLine', data: { productId, quantity } });
const remove = (productId: string): CartCommand => ({ type: 'RemoveLine', data: { productId } });
const gone = (productId: string): CartCommand => ({ type: 'RemoveProduct', data: { productId } });
const paid = (orderId: string, ...lines: Cart['lines']): CartCommand => ({
  type: 'RemoveOrdered',
  data: { orderId, lines },
});
const freeze = (userId: string): CartCommand => ({ type: 'Freeze', data: { userId } });
const absorb = (merge: string, ...lines: Cart['lines']): CartCommand => ({ type: 'Absorb', data: { merge, lines } });
const close = (userId: string): CartCommand => ({ type: 'Close', data: { userId } });
const many = (count: number) => Array.from({ length: count }, (_, i) => ({ productId: `p${i}`, quantity: 1 }));
const filled = (count: number) => given(absorb('m', ...many(count)));

describe('lines', () => {
  it('are set, replaced and kept in the order in which they came', () => {
    expect(given(set('apple', 1), set('pear', 5), set('apple', 2)).lines).toEqual([apple, pear]);
  });

  it('go away with quantity 0 as with a removal', () => {
    expect(given(set('apple', 2), set('pear', 5), set('pear', 0)).lines).toEqual([apple]);
    expect(given(set('apple', 2), set('pear', 5), remove('pear')).lines).toEqual([apple]);
  });

  it('lead to nothing when they are so already', () => {
    const cart = given(set('apple', 2));
    expect(when(cart, set('apple', 2))).toEqual([]);
    expect(when(cart, remove('pear'))).toEqual([]);
    expect(when(cart, gone('pear'))).toEqual([]);
  });

  it('are as many as an order may have, and no more', () => {
    const cart = filled(LINES_MAX);
    expect(when(cart, set('one-more', 1))).toMatchObject({
      refused: 'wrong-state',
      errors: [{ code: 'cart-is-full' }],
    });
    expect(after(cart, set('p7', 3)).lines[7]).toEqual({ productId: 'p7', quantity: 3 });
    expect(after(after(cart, remove('p0')), set('one-more', 1)).lines).toHaveLength(LINES_MAX);
  });

  it('go away with their product', () => {
    expect(given(set('apple', 2), set('pear', 5), gone('pear')).lines).toEqual([apple]);
  });
});

describe('a paid order', () => {
  const cart = given(set('apple', 2), set('pear', 5));

  it('takes out what was ordered and leaves what was added since', () => {
    const rest = after(cart, paid('o1', apple, { productId: 'pear', quantity: 3 }));
    expect(rest.lines).toEqual([{ productId: 'pear', quantity: 2 }]);
  });

  it('is taken out once', () => {
    const rest = after(cart, paid('o1', { productId: 'pear', quantity: 1 }));
    expect(when(rest, paid('o1', { productId: 'pear', quantity: 1 }))).toEqual([]);
  });

  it('may name a product on several lines, and products that have left the cart', () => {
    const pears = { productId: 'pear', quantity: 2 };
    expect(after(cart, paid('o1', pears, pears, { productId: 'plum', quantity: 1 })).lines).toEqual([
      apple,
      { productId: 'pear', quantity: 1 },
    ]);
  });

  it('is remembered among the last so many', () => {
    const ids = Array.from({ length: REMEMBERED_MAX + 1 }, (_, i) => `o${i}`);
    const rest = ids.reduce((state, id) => after(state, paid(id)), cart);
    expect(rest.ordered).toEqual(ids.slice(1));
  });
});

describe('a merge', () => {
  const guest = given(set('apple', 2), set('pear', 5));
  const frozen = after(guest, freeze('u1'));
  const closed = after(frozen, close('u1'));

  it('freezes the guest cart for exactly one user', () => {
    expect(frozen.status).toBe('frozen');
    expect(when(frozen, freeze('u1'), AT + 1)).toEqual([]);
    expect(when(frozen, freeze('u2'))).toMatchObject({ refused: 'cart-is-frozen' });
    expect(when(closed, freeze('u1'))).toEqual([]);
    expect(when(closed, freeze('u2'))).toMatchObject({ refused: 'cart-is-frozen' });
  });

  it('leaves an empty cart as it is, for it may still be used', () => {
    expect(when(given(), freeze('u1'))).toEqual([]);
    // One that was frozen stays so, whatever has gone out of it.
    const emptied = after(after(frozen, gone('apple')), gone('pear'));
    expect(emptied).toMatchObject({ status: 'frozen', lines: [] });
    expect(when(emptied, freeze('u2'))).toMatchObject({ refused: 'cart-is-frozen' });
  });

  it('keeps the lines of a frozen cart as they are', () => {
    expect(when(frozen, set('plum', 1))).toMatchObject({ refused: 'cart-is-frozen' });
    expect(when(frozen, remove('apple'))).toMatchObject({ refused: 'cart-is-frozen' });
    expect(when(frozen, set('apple', 2))).toEqual([]);
    expect(after(frozen, gone('apple')).lines).toEqual([pear]);
  });

  it('adds the quantities, once per merge', () => {
    const user = after(given(set('pear', 1), set('plum', 3)), absorb('g@1', apple, pear));
    expect(user.lines).toEqual([{ productId: 'pear', quantity: 6 }, { productId: 'plum', quantity: 3 }, apple]);
    expect(when(user, absorb('g@1', apple, pear))).toEqual([]);
    expect(after(user, absorb('g@2', apple)).lines.at(-1)).toEqual({ productId: 'apple', quantity: 4 });
  });

  it('adds up to the most that a line may hold', () => {
    const user = after(given(set('pear', QUANTITY_MAX)), absorb('g@1', pear));
    expect(user.lines).toEqual([{ productId: 'pear', quantity: QUANTITY_MAX }]);
  });

  it('is refused, and loses nothing, when the lines do not fit', () => {
    expect(when(filled(LINES_MAX - 1), absorb('g@1', apple, pear))).toMatchObject({ refused: 'wrong-state' });
    expect(when(filled(LINES_MAX), absorb('g@1', { productId: 'p0', quantity: 1 }))).toHaveLength(1);
  });

  it('is taken in by an open cart only', () => {
    expect(when(frozen, absorb('g@1', apple))).toMatchObject({ refused: 'wrong-state' });
  });

  it('closes the guest cart, which stays empty and says so', () => {
    expect(closed).toMatchObject({ status: 'closed', lines: [] });
    expect(when(closed, close('u1'))).toEqual([]);
    expect(when(closed, set('apple', 1))).toMatchObject({ refused: 'not-found' });
    expect(when(closed, gone('apple'))).toEqual([]);
  });

  it('closes no cart that is open, or frozen for another user', () => {
    expect(when(guest, close('u1'))).toMatchObject({ refused: 'wrong-state' });
    expect(when(frozen, close('u2'))).toMatchObject({ refused: 'wrong-state' });
  });

  it('is named by the cart and the time, so that a cart filled again later is taken in again', () => {
    expect(mergeOf('g', frozen)).toBe(`g@${AT}`);
    expect(() => mergeOf('g', guest)).toThrow('only a frozen or closed cart is in a merge');
  });

  it('carries along what was paid for between freezing and closing', () => {
    const kept = [
      paid('o1', apple),
      paid('o1', apple),
      paid('o2', { productId: 'pear', quantity: 9 }, { productId: 'plum', quantity: 1 }),
    ];
    const still = kept.reduce((cart, command) => after(cart, command), frozen);
    expect(still.lines).toEqual([
      { ...apple, paid: 2 },
      { ...pear, paid: 5 },
    ]);
    expect(sends(still, close('u1'))).toContainEqual({
      kind: 'send',
      to: 'cart',
      id: 'user-u1',
      command: paid(`g@${AT}`, apple, pear),
    });
  });

  it('adds up what several orders took of one line, up to the line', () => {
    const twice = [paid('o1', { productId: 'pear', quantity: 2 }), paid('o2', { productId: 'pear', quantity: 2 })];
    expect(twice.reduce((cart, command) => after(cart, command), frozen).lines[1]).toEqual({ ...pear, paid: 4 });
  });

  it('passes on what is paid for afterwards, once', () => {
    expect(sends(closed, paid('o3', apple))).toEqual([
      { kind: 'send', to: 'cart', id: cartIdOfUser('u1'), command: paid('o3', apple) },
    ]);
    expect(when(after(closed, paid('o3', apple)), paid('o3', apple))).toEqual([]);
  });

  // Goal (I13): however often the steps are begun anew, repeated or overtaken, the user's cart ends with both carts'
  // lines, once. Method: all sequences of up to six steps, `late` being an Absorb that was read long ago; then one merge.
  it('is idempotent and loses no line, whatever is interrupted, repeated and overtaken', () => {
    const steps = ['freeze', 'absorb', 'close', 'late'] as const;
    const sequences = [[]] as (typeof steps)[number][][];
    for (let from = 0, length = 0; length < 6; length++) {
      const until = sequences.length;
      for (; from < until; from++) for (const step of steps) sequences.push([...sequences[from]!, step]);
    }
    for (const sequence of sequences) {
      let carts = { guest, user: given(set('pear', 1)) };
      for (const step of [...sequence, 'freeze', 'absorb', 'close', 'late'] as const) carts = run(carts, step);
      expect(carts.guest.status).toBe('closed');
      expect(carts.user.lines).toEqual([{ productId: 'pear', quantity: 6 }, apple]);
    }
    expect(sequences.length).toBeGreaterThan(5_000);
  });

  /** One step as the service does it: it reads the guest cart anew, and goes no further when there is nothing to do. */
  function run(carts: { guest: Cart; user: Cart }, step: 'freeze' | 'absorb' | 'close' | 'late') {
    const { guest: now, user } = carts;
    if (step === 'freeze') return { user, guest: after(now, freeze('u1')) };
    if (now.merge === undefined) return carts;
    const merge = mergeOf('g', now);
    if (step === 'late') return { ...carts, user: after(user, absorb(merge, apple, pear)) };
    if (step === 'absorb')
      return now.status === 'closed' ? carts : { ...carts, user: after(user, absorb(merge, ...now.lines)) };
    return user.absorbed.includes(merge) ? { user, guest: after(now, close('u1')) } : carts;
  }
});

describe('cart.updated', () => {
  it('tells the whole content with every change of it', () => {
    const cart = given(set('apple', 2));
    expect(sends(cart, set('pear', 5))).toEqual([updated(apple, pear)]);
    expect(sends(cart, remove('apple'))).toEqual([updated()]);
    expect(sends(cart, paid('o1', { productId: 'apple', quantity: 1 }))).toEqual([
      updated({ productId: 'apple', quantity: 1 }),
    ]);
    expect(sends(cart, absorb('g@1', pear))).toEqual([updated(apple, pear)]);
  });

  it('tells an empty cart when it is closed, and nothing while it stands still', () => {
    const cart = given(set('apple', 2));
    expect(sends(cart, freeze('u1'))).toEqual([]);
    const frozen = after(cart, freeze('u1'));
    expect(sends(frozen, paid('o1', apple))).toEqual([]);
    expect(sends(frozen, close('u1'))).toEqual([updated()]);
  });

  const updated = (...lines: Cart['lines']) => ({
    kind: 'publish',
    topic: 'cart.updated',
    key: 'g',
    data: { cartId: 'g', lines },
  });
});

describe('what must never be', () => {
  const cart = given(set('apple', 2));

  it.each<[string, Partial<Cart>]>([
    ['a cart holds at most 2000 lines', { lines: many(LINES_MAX + 1) }],
    ['a product is in a cart once', { lines: [apple, apple] }],
    ['a line holds 1 to 1,000,000 pieces', { lines: [{ productId: 'apple', quantity: 0 }] }],
    ['a line holds 1 to 1,000,000 pieces', { lines: [{ productId: 'apple', quantity: 1.5 }] }],
    ['a line holds 1 to 1,000,000 pieces', { lines: [{ productId: 'apple', quantity: QUANTITY_MAX + 1 }] }],
    ['no more is paid for than the line holds', { lines: [{ ...apple, paid: 3 }] }],
    ['a cart is in a merge exactly when it is not open', { status: 'frozen' }],
    ['a closed cart is empty', { status: 'closed', merge: { userId: 'u1', at: AT } }],
  ])('%s', (words, wrong) => {
    expect(() => cartActor.check({ ...cart, ...wrong })).toThrow(words);
  });

  it('an event that its state does not know', () => {
    expect(() => cartActor.evolve(cart, { type: 'Closed', data: { userId: 'u1', paid: [] } })).toThrow('cannot happen');
  });

  it('a message that nobody knows', () => {
    const unknown = { type: 'Nonsense', data: {} } as never;
    expect(() => when(cart, unknown)).toThrow('impossible message');
    expect(() => cartActor.react(cart, unknown, 'g')).toThrow('impossible message');
    const lenient = { ...cart, status: 'lenient' } as never;
    Object.assign(transitions, { lenient: { Nonsense: 'open' } });
    expect(() => cartActor.evolve(lenient, unknown)).toThrow('impossible message');
  });

  it('a status that is never reached', () => {
    const reached = new Set(Object.values(transitions).flatMap((row) => Object.values(row)));
    expect([...reached].sort()).toEqual(['closed', 'frozen', 'open']);
  });
});

/** What leaves when the cart `g` takes the command. */
function sends(cart: Cart, command: CartCommand): readonly object[] {
  let state = cart;
  return (when(cart, command) as readonly CartEvent[]).flatMap((event) => {
    state = cartActor.evolve(state, event);
    return cartActor.react(state, event, 'g');
  });
}
