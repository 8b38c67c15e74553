// How a cart looks from outside: its lines at today's prices. What is no longer sold is not shown, and costs nothing.

import { hash } from 'node:crypto';
import type { CartLine } from '../../actors/cart.ts';
import { exactSum, type Money, moneyOfExact, moneyOfMinor, roundToMinor } from '../../actors/money.ts';
import { CURRENCY_DEFAULT } from '../../actors/product.ts';

/** A product as `products.quote` prices it; `unitPrice` in ten-thousandths. */
export interface Quote {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly unitPrice: number;
  readonly currency: string;
  readonly deleted: boolean;
}

export interface LineView {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: Money;
  readonly total: Money | null;
}

/** `total` as an order of it would have; null if it could have none: several currencies, or more than there is money. */
export interface CartView {
  readonly id: string;
  readonly lines: readonly LineView[];
  readonly total: Money | null;
}

/** The cart as the REST contract shows it; `quotes` belong to the lines, in their order. */
export function viewCart(id: string, lines: readonly CartLine[], quotes: readonly (Quote | null)[]): CartView {
  const priced = lines.flatMap(({ productId, quantity }, i) => {
    const quote = quotes[i];
    if (!isSold(quote)) return [];
    const { sku, name, unitPrice, currency } = quote;
    return [{ productId, sku, name, quantity, unitPrice, currency }];
  });
  const currencies = new Set(priced.map(({ currency }) => currency));
  const [currency = CURRENCY_DEFAULT] = currencies;
  return {
    id,
    lines: priced.map(({ unitPrice, ...line }) => ({
      productId: line.productId,
      sku: line.sku,
      name: line.name,
      quantity: line.quantity,
      unitPrice: moneyOfExact(unitPrice, line.currency),
      total: money(exactSum([{ quantity: line.quantity, unitPrice }]), line.currency, moneyOfExact),
    })),
    total: currencies.size > 1 ? null : money(exactSum(priced), currency, rounded),
  };
}

/** Whether the quote is of a product that can be bought. */
export function isSold(quote: Quote | null | undefined): quote is Quote {
  return quote !== null && quote !== undefined && !quote.deleted;
}

/** The ETag of a cart: its version, for whoever edits it, and a mark of what is shown, because prices change by themselves. */
export function tagOf(version: number, view: CartView): string {
  return `${version}.${hash('sha256', JSON.stringify(view), 'base64url').slice(0, 16)}`;
}

function money(
  exact: number | undefined,
  currency: string,
  of: (exact: number, currency: string) => Money,
): Money | null {
  return exact === undefined ? null : of(exact, currency);
}

function rounded(exact: number, currency: string): Money {
  return moneyOfMinor(roundToMinor(exact, currency), currency);
}
