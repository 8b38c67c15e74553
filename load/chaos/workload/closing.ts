// After the market has closed: everything is read back, until it is answered. What was acknowledged must be there.

import { readAccount, isOld, renew } from './accounts.ts';
import type { Client } from './client.ts';
import { ownCart, readCart } from './filling-carts.ts';
import type { Account, Market } from './market.ts';
import { readOrder } from './ordering.ts';
import { readStock } from './staff.ts';

/** Read at a time. */
const BESIDE = 8;
/** Orders on a page of a list, the most that the shop gives. */
const PAGE = 100;

/** Reads back every acknowledged order, every customer's account, cart and whole list, and every stock. */
export async function readAllBack(market: Market, newClient: (name: string) => Client): Promise<void> {
  const jobs: ((client: Client) => Promise<unknown>)[] = [
    ...market.customers.map((account) => (client: Client) => readCustomer(client, account)),
    ...market.products.map((product) => (client: Client) => readStock(client, market, product)),
    ...market.bought.map((bought) => (client: Client) => readOrder(client, bought)),
  ];
  const first = newClient('closing');
  for (const account of [market.staff, ...market.customers]) if (isOld(account)) await renew(first, account);
  const left = jobs.values();
  const workers = Array.from({ length: BESIDE }, async () => {
    const client = newClient('closing');
    for (const job of left) await job(client);
  });
  await Promise.all(workers);
}

async function readCustomer(client: Client, account: Account): Promise<void> {
  await readAccount(client, account);
  await readCart(client, ownCart(account));
  const { id: principal, token } = account;
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const path: string = `/api/v1/orders?limit=${PAGE}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { status, body } = await client.want({ kind: 'list-orders', principal, method: 'GET', path, token });
    cursor = status === 200 ? (body.next ?? undefined) : undefined;
  }
}
