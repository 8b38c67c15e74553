// Before the market opens: products with their first stock, and customers with accounts. All of it is in the history.

import type { Client } from './client.ts';
import { logIn, register } from './accounts.ts';
import type { Account, Product, Stocked } from './market.ts';

/** Hot products open with so few pieces that some orders find none; cold ones with more than a run can sell. */
const HOT = { products: 6, stock: 25 };
const COLD = { products: 48, stock: 5_000 };
/** Made at a time. */
const BESIDE = 8;
/** Prices by turns; with one in ten-thousandths, and one that is free. */
const prices = ['2.55', '0.85', '12.00', '4.9999', '7.25', '0.00', '149.95', '1.10'];

export interface StockingOptions {
  readonly run: string;
  readonly customers: number;
  readonly staff: { readonly email: string; readonly password: string };
  /** Clients that do it, one thing at a time each, until it is done. */
  readonly newClient: (name: string) => Client;
}

/**
 * Makes what a run needs.
 * @throws Error that says what the shop refused
 */
export async function stock(options: StockingOptions): Promise<Stocked> {
  const { run, newClient } = options;
  const staff: Account = { id: 'staff', ...options.staff, token: '', refreshToken: '', tokenAt: 0 };
  const { status } = await logIn(newClient('staff'), staff);
  if (status !== 200) throw new Error(`staff cannot log in as ${staff.email}: ${status ?? 'no answer'}`);
  const wanted = [
    ...Array.from({ length: HOT.products }, (_, i) => ({
      name: `hot-${i}`,
      stock: HOT.stock,
      currency: 'GBP',
      i: i % 5,
    })),
    ...Array.from({ length: COLD.products }, (_, i) => ({
      name: `cold-${i}`,
      stock: COLD.stock,
      currency: currencyOf(i),
      i,
    })),
  ];
  const products = await inParallel(wanted, newClient, async (client, { name, i, ...more }) =>
    createProduct(client, staff, { sku: `${run}-${name}`, price: prices[i % prices.length] as string, ...more }),
  );
  const names = Array.from({ length: options.customers }, (_, i) => `${run}-customer-${i}`);
  const customers = await inParallel(names, newClient, async (client, name) => {
    const account = await register(client, name);
    if (account === undefined) throw new Error(`the shop registered no ${name}`);
    return account;
  });
  return { run, products, hot: products.slice(0, HOT.products), customers, staff };
}

/** Most in one currency, a few in others, one of them without minor units. */
const currencyOf = (i: number): string => (i % 8 === 6 ? 'EUR' : i % 8 === 7 ? 'JPY' : 'GBP');

interface NewProduct {
  readonly sku: string;
  readonly price: string;
  readonly currency: string;
  readonly stock: number;
}

async function createProduct(
  client: Client,
  { token }: Account,
  { sku, price, currency, stock: quantity }: NewProduct,
): Promise<Product> {
  const intent = client.newIntent();
  const body = { sku, name: `Thing ${sku}`, price: { amount: price, currency }, stock: quantity };
  const wish = { kind: 'create-product', principal: 'staff', method: 'POST', path: '/api/v1/products' } as const;
  const { status, body: answer } = await client.want(
    { ...wish, key: intent, token, body, skus: [{ sku, quantity }] },
    intent,
  );
  if (status !== 201) throw new Error(`the shop made no product ${sku}: ${status} ${JSON.stringify(answer)}`);
  return { id: answer.id, sku, currency };
}

async function inParallel<T, R>(
  items: readonly T[],
  newClient: (name: string) => Client,
  work: (client: Client, item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const left = items.entries();
  const workers = Array.from({ length: Math.min(BESIDE, items.length) }, async () => {
    const client = newClient('stocking');
    for (const [i, item] of left) results[i] = await work(client, item);
  });
  await Promise.all(workers);
  return results;
}
