// From a wish to a placed order: who asks, which lines, at which prices, under which id.
//
//   cart or lines ──► quote (primary) ──► Place ──► wait for stock ──► 201 | 409 | 202

import type { Context } from 'moleculer';
import type { Address, Order, OrderLine, PlaceData } from '../../actors/order.ts';
import { Problem, type ProblemDetail } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import { seal } from '../../mixins/seal.ts';

/** What the gateway hands over, checked by its schema. */
export interface PlaceParams {
  readonly cartId?: string;
  readonly lines?: readonly { readonly productId: string; readonly quantity: number }[];
  readonly email?: string;
  readonly shippingAddress?: Address;
  readonly reference?: string;
  readonly payment: { readonly method: string; readonly token: string };
}

/** A product as `products.quote` prices it; null: there is none. */
export interface Quote {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly unitPrice: number;
  readonly currency: string;
  readonly partition: string;
  readonly deleted: boolean;
}

/** Prices the lines and makes the command's data. Prices are ours, never the caller's. */
export async function preparePlace(
  ctx: Context<PlaceParams, Caller>,
  orderId: string,
  sealKey: Buffer,
  deadlineMs: number,
): Promise<PlaceData> {
  const { params, meta } = ctx;
  const wanted = params.cartId === undefined ? (params.lines ?? []) : await linesOfCart(ctx, params.cartId);
  const [quotes, email] = await Promise.all([
    ctx.call<readonly (Quote | null)[], object>('products.quote', {
      items: wanted.map(({ productId }) => ({ productId })),
    }),
    emailOf(ctx),
  ]);
  const lines = priced(wanted, quotes);
  const currencies = new Set(lines.map(({ currency }) => currency));
  const [currency] = currencies;
  if (currency === undefined) throw new Problem('empty-cart', 'an order needs at least one line');
  if (currencies.size > 1) {
    throw new Problem(
      'mixed-currencies',
      `an order has one currency, but its products are priced in ${[...currencies].join(' and ')}`,
    );
  }
  return {
    ...(meta.principal.kind === 'user' ? { customerId: meta.principal.id } : {}),
    email,
    ...(params.reference === undefined ? {} : { reference: params.reference }),
    ...(params.cartId === undefined ? {} : { cartId: params.cartId }),
    ...(params.shippingAddress === undefined ? {} : { shippingAddress: params.shippingAddress }),
    currency,
    lines: lines.map(({ currency: _, ...line }) => line),
    payment: { method: params.payment.method, sealed: seal(sealKey, orderId, params.payment.token) },
    deadlineMs,
  };
}

async function linesOfCart(
  ctx: Context<PlaceParams, Caller>,
  cartId: string,
): Promise<readonly { productId: string; quantity: number }[]> {
  const cart = await ctx.call<{ readonly lines: readonly { productId: string; quantity: number }[] }, object>(
    'carts.checkoutLines',
    { cartId },
  );
  return cart.lines;
}

async function emailOf(ctx: Context<PlaceParams, Caller>): Promise<string> {
  const { email } = ctx.params;
  if (email !== undefined) return email;
  const { principal } = ctx.meta;
  if (principal.kind !== 'user') {
    const detail = 'a guest order needs an e-mail address to send the confirmation to';
    throw new Problem('invalid-request', detail, [{ pointer: '/email', code: 'required', detail }]);
  }
  return (await ctx.call<{ readonly email: string }, object>('users.contact', { id: principal.id })).email;
}

function priced(
  wanted: readonly { readonly productId: string; readonly quantity: number }[],
  quotes: readonly (Quote | null)[],
): readonly (OrderLine & { readonly currency: string })[] {
  const errors: ProblemDetail[] = [];
  const lines = wanted.flatMap(({ productId, quantity }, i) => {
    const quote = quotes[i];
    if (quote === undefined || quote === null || quote.deleted) {
      const why = quote?.deleted === true ? 'is no longer sold' : 'does not exist';
      errors.push({
        pointer: `/lines/${i}/productId`,
        code: 'unknown-product',
        detail: `the product ${productId} ${why}`,
      });
      return [];
    }
    const { sku, name, unitPrice, partition, currency } = quote;
    return [{ productId, sku, name, quantity, unitPrice, partition, currency }];
  });
  if (errors.length > 0)
    throw new Problem(
      'unknown-product',
      `${errors.length} of ${wanted.length} lines name no product that is sold`,
      errors,
    );
  return lines;
}

/** The 409 of an order that stock could not serve: the lines that failed and what there is. */
export function insufficientStock(orderId: string, order: Order): Problem {
  const errors = order.shortages.map(({ productId, requested, available }) => ({
    pointer: `/lines/${order.lines.findIndex((line) => line.productId === productId)}/quantity`,
    code: 'insufficient-stock',
    detail: `${requested} pieces were asked for, ${available} are available`,
    productId,
    requested,
    available,
  }));
  return new Problem(
    'insufficient-stock',
    `stock does not suffice for ${errors.length} of ${order.lines.length} lines`,
    errors,
    { orderId },
  );
}
