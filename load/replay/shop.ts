// What a replay asks a shop, over HTTP: the calls, the shapes of their answers, and who calls.

import type { Client } from '../client.ts';

/** The staff that replays; refunds are known again by its account, so a replay is always repeated by the same one. */
export interface Staff {
  readonly token: () => Promise<string>;
  readonly accountId: string;
  /** From which the passwords of the replayed customers follow. */
  readonly password: string;
}

export interface Shop {
  readonly client: Client;
  readonly staff: Staff;
}

/** Reports how far a step is. */
export type Report = (what: string, done: number, all: number) => void;

export interface Amount {
  readonly amount: string;
}

export interface ShopOrder {
  readonly id: string;
  readonly status: string;
  readonly email: string;
  readonly reference?: string;
  readonly lines: readonly {
    readonly productId: string;
    readonly sku: string;
    readonly quantity: number;
    readonly unitPrice: Amount;
  }[];
  readonly total: Amount;
  readonly exactTotal: Amount;
  readonly refunded: Amount;
}

const PAID: readonly string[] = ['PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED'];
const ENDED: readonly string[] = ['CANCELLED', 'EXPIRED', 'PAYMENT_FAILED'];

/** Whether an order was paid, whatever became of it. */
export function wasPaid({ status }: Pick<ShopOrder, 'status'>): boolean {
  return PAID.includes(status);
}

/** Whether an order ended before it was paid. */
export function isOver({ status }: Pick<ShopOrder, 'status'>): boolean {
  return ENDED.includes(status);
}

export interface StockAnswer {
  readonly received: number;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
  readonly sold: number;
  readonly returned: number;
  readonly writtenOff: number;
}

/** One take-back of an order's pieces, as its timeline tells it. */
export interface Refund {
  readonly refundId: string;
  /** The request that asked for it. */
  readonly requestId: string;
  readonly restock: boolean;
  readonly lines: readonly { readonly productId: string; readonly sku: string; readonly quantity: number }[];
}

/** The largest page there is. */
const PAGE = 100;

/** All items of a list, page by page. */
export async function* pages<T>(
  { client, staff }: { readonly client: Client; readonly staff: Pick<Staff, 'token'> },
  path: string,
): AsyncGenerator<readonly T[]> {
  let cursor: string | null = null;
  do {
    const query: string = `limit=${PAGE}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page: { readonly items: readonly T[]; readonly next: string | null } = await client.expect(
      [200],
      `${path}?${query}`,
      {
        token: await staff.token(),
      },
    );
    yield page.items;
    cursor = page.next;
  } while (cursor !== null);
}

/** The status of an order as far as its timeline tells it, and what was taken back of it. */
export interface History {
  readonly isPaid: boolean;
  /** It ended before it was paid. */
  readonly isOver: boolean;
  readonly isShipped: boolean;
  readonly refunds: readonly Refund[];
  /** Refunds that the provider has not confirmed yet. */
  readonly pending: number;
}

const OVER: readonly string[] = ['StockRejected', 'PaymentFailed', 'Cancelled', 'Expired'];

/** What happened to an order. */
export async function historyOf({ client, staff }: Shop, orderId: string): Promise<History> {
  const { items } = await client.expect<{ readonly items: readonly { type: string; data: object }[] }>(
    [200],
    `/api/v1/orders/${orderId}/timeline`,
    { token: await staff.token() },
  );
  const refunds = items.filter(({ type }) => type === 'RefundRequested').map(({ data }) => data as Refund);
  return {
    isPaid: items.some(({ type }) => type === 'Paid'),
    isOver: items.some(({ type }) => OVER.includes(type)),
    isShipped: items.some(({ type }) => type === 'Shipped'),
    refunds,
    pending: refunds.length - items.filter(({ type }) => type === 'Refunded').length,
  };
}

/** Balances of a SKU. */
export async function stockOf({ client, staff }: Shop, sku: string): Promise<StockAnswer> {
  return await client.expect([200], `/api/v1/stock/${encodeURIComponent(sku)}`, { token: await staff.token() });
}
