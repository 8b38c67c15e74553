// What people do in the shop, over and over, until there are no more turns. Each is one client, and its own kind of person.
//
//   customer   orders, looks it up at once, cancels; fills the own cart; merges a guest's cart into it; keeps the account
//   guest      orders without an account, straight or from a cart
//   staff      ship, deliver and refund what others ordered; receive, write off and read stock
//   onlooker   looks at products and tells so

import { isOld, changeAccount, logIn, readAccount, renew } from './accounts.ts';
import type { Client } from './client.ts';
import { fill, linesOf, openCart, ownCart, readCart } from './filling-carts.ts';
import { readProduct, readWindows, sendEvents } from './looking.ts';
import { type Account, type Bought, drawLines, drawn, type Market } from './market.ts';
import { cancelOrder, order, readOrder } from './ordering.ts';
import { handleOrder, listAsStaff, moveStock, readStock } from './staff.ts';

type Doing = readonly [weight: number, what: () => Promise<unknown>];

/** Percent. */
const CANCELS = 18;
const ORDERS_THE_CART = 75;
/** Own orders that a customer still looks at. */
const REMEMBERED = 20;
/** What is looked at right after an order: the newest few. */
const LIST_LIMIT = 5;

/** One doing after another; before each, the login is kept open. */
async function forever(client: Client, account: Account | undefined, doings: readonly Doing[]): Promise<never> {
  for (;;) {
    if (account !== undefined && isOld(account)) await renew(client, account);
    await drawn(client.chance, doings)();
  }
}

/** Somebody with an account. Keys are the customer's own: others use the same. */
export function customer(client: Client, market: Market, account: Account): Promise<never> {
  const { chance } = client;
  const { id: principal } = account;
  const mine: Bought[] = [];
  const token = () => account.token;
  let orders = 0;

  function list(limit: number) {
    const path = `/api/v1/orders?limit=${limit}`;
    return client.want({ kind: 'list-orders', principal, method: 'GET', path, token: token() });
  }

  /** An order, and then what customers do: they look whether it is there. */
  async function buy(from: Pick<Parameters<typeof order>[2], 'lines' | 'cart'>): Promise<void> {
    const bought = await order(client, market, { principal, token, key: `order-${++orders}`, ...from });
    if (bought === undefined) return;
    mine.push(bought);
    if (mine.length > REMEMBERED) mine.shift();
    if (chance.percent(50)) await list(LIST_LIMIT);
    if (chance.percent(50)) await readOrder(client, bought);
    if (chance.percent(CANCELS)) await cancelOrder(client, bought).then(() => readOrder(client, bought));
  }

  async function lookAfter(): Promise<void> {
    if (mine.length === 0) return await readAccount(client, account).then(() => {});
    const bought = chance.pick(mine);
    await readOrder(client, bought);
    if (chance.percent(CANCELS)) await cancelOrder(client, bought);
  }

  async function buyCart(): Promise<void> {
    const cart = ownCart(account);
    await fill(client, market, cart);
    const held = linesOf(market, await readCart(client, cart)) ?? [];
    const currencies = new Set(held.map(({ product }) => product.currency));
    // The cart empties itself once the order is paid; one that nobody could pay for is kept and tried again.
    if (currencies.size === 1 && chance.percent(ORDERS_THE_CART)) await buy({ lines: held, cart: { id: cart.id } });
  }

  async function bringCart(): Promise<void> {
    const guestCart = await openCart(client);
    if (guestCart === undefined) return;
    await fill(client, market, guestCart);
    await readCart(client, guestCart);
    const { outcome } = await logIn(client, account, guestCart);
    // An impatient one logs in with it again: nothing comes twice.
    if (outcome !== 'fail' && chance.percent(20)) await logIn(client, account, guestCart);
    await readCart(client, ownCart(account));
  }

  return forever(client, account, [
    [44, () => buy({ lines: drawLines(market, chance) })],
    [10, buyCart],
    [4, bringCart],
    [12, lookAfter],
    [5, () => list(LIST_LIMIT)],
    [5, () => changeAccount(client, account)],
    [3, () => readAccount(client, account)],
    [2, () => renew(client, account)],
    [1, () => logIn(client, account)],
    [4, () => readProduct(client, market)],
    [2, () => sendEvents(client, market)],
  ]);
}

/** Somebody without one. */
export function guest(client: Client, market: Market): Promise<never> {
  const { chance } = client;
  const email = `${client.process}@people.example`;

  async function buy(from: Parameters<typeof order>[2]): Promise<void> {
    const bought = await order(client, market, { email, ...from });
    if (bought === undefined) return;
    if (chance.percent(60)) await readOrder(client, bought);
    if (chance.percent(CANCELS)) await cancelOrder(client, bought).then(() => readOrder(client, bought));
  }

  async function buyCart(): Promise<void> {
    const cart = await openCart(client);
    if (cart === undefined) return;
    const lines = await fill(client, market, cart);
    if (chance.percent(40)) await readCart(client, cart);
    const { principal, credentials } = cart;
    const opened = credentials.cartToken === undefined ? {} : { token: credentials.cartToken };
    if (lines.length > 0) await buy({ principal, lines, cart: { id: cart.id, ...opened } });
  }

  return forever(client, undefined, [
    [60, () => buy({ principal: 'guest', lines: drawLines(market, chance) })],
    [15, buyCart],
    [15, () => readProduct(client, market)],
    [10, () => sendEvents(client, market)],
  ]);
}

/** Somebody who works there. */
export function staff(client: Client, market: Market): Promise<never> {
  return forever(client, market.staff, [
    [55, () => handleOrder(client, market)],
    [20, () => readStock(client, market, client.chance.pick(market.hot))],
    [3, () => readStock(client, market, client.chance.pick(market.products))],
    [12, () => moveStock(client, market, 'receive')],
    [7, () => moveStock(client, market, 'write-off')],
    [2, () => listAsStaff(client, market)],
  ]);
}

/** Somebody who buys nothing. */
export function onlooker(client: Client, market: Market): Promise<never> {
  return forever(client, undefined, [
    [50, () => sendEvents(client, market)],
    [30, () => readProduct(client, market)],
    [20, () => readWindows(client, market)],
  ]);
}
