// The words of an order: its state, the commands it takes and the events it has. The rules are in `order.ts`.

import type { Shortage } from './stock.ts';

export type { Shortage } from './stock.ts';

export type OrderStatus =
  | 'NEW'
  | 'AWAITING_STOCK'
  | 'AWAITING_PAYMENT'
  | 'PAID'
  | 'SHIPPED'
  | 'DELIVERED'
  | 'PAYMENT_FAILED'
  | 'CANCELLED'
  | 'EXPIRED'
  | 'REFUNDED';

export interface Address {
  readonly name: string;
  readonly line1: string;
  readonly line2?: string;
  readonly city: string;
  readonly postcode: string;
  readonly country: string;
}

/** One line as quoted at the time of the order; `unitPrice` in ten-thousandths of the order's currency. */
export interface OrderLine {
  readonly productId: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: number;
  /** Stock partition that the SKU lives in. */
  readonly partition: string;
}

/** Pieces of one line (by its index in the order) that a refund takes back. */
export interface RefundLine {
  readonly line: number;
  readonly quantity: number;
}

export interface Refund {
  readonly lines: readonly RefundLine[];
  /** Minor units. */
  readonly amount: number;
  readonly restock: boolean;
  readonly confirmed: boolean;
}

/** What stays of the wish once it is placed: all but the payment token. */
interface OrderFacts {
  readonly customerId?: string;
  readonly email: string;
  readonly reference?: string;
  readonly cartId?: string;
  readonly shippingAddress?: Address;
  readonly currency: string;
  readonly lines: readonly OrderLine[];
}

export interface Order extends OrderFacts {
  readonly status: OrderStatus;
  /** Ten-thousandths, unrounded. */
  readonly exactTotal: number;
  /** Minor units, rounded once, half up. */
  readonly total: number;
  /** Minor units confirmed by the provider. */
  readonly refunded: number;
  /** Partitions that have reserved their lines. */
  readonly reserved: readonly string[];
  readonly shortages: readonly Shortage[];
  readonly refunds: Readonly<Record<string, Refund>>;
  /** Milliseconds since 1970 UTC; unpaid after `deadline`, the order expires. */
  readonly deadline: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The wish as the orders service hands it over: prices and partitions quoted by us, ids minted before. */
export interface PlaceData extends OrderFacts {
  /** The payment token, encrypted; never kept in the order's state, never journaled. */
  readonly payment: { readonly method: string; readonly sealed: string };
  /** Milliseconds from Place until the order expires unpaid. */
  readonly deadlineMs: number;
}

/** Pieces that are wanted back, by product. */
export interface RefundWish {
  readonly productId: string;
  readonly quantity: number;
}

export type OrderCommand =
  | { readonly type: 'Place'; readonly data: PlaceData }
  | { readonly type: 'RecordReserved'; readonly data: { readonly partition: string } }
  | {
      readonly type: 'RecordShortage';
      readonly data: { readonly partition: string; readonly shortages: readonly Shortage[] };
    }
  | {
      readonly type: 'RecordPayment';
      readonly data: { readonly outcome: 'succeeded' | 'failed'; readonly reason?: string };
    }
  | { readonly type: 'Expire'; readonly data: object }
  | { readonly type: 'Cancel'; readonly data: object }
  | { readonly type: 'Ship'; readonly data: object }
  | { readonly type: 'Deliver'; readonly data: object }
  /** Without `lines`: everything that is left. */
  | {
      readonly type: 'Refund';
      readonly data: { readonly refundId: string; readonly restock: boolean; readonly lines?: readonly RefundWish[] };
    }
  | { readonly type: 'RecordRefund'; readonly data: { readonly refundId: string } };

type Happened<Type extends string, Data = object> = {
  readonly type: Type;
  readonly data: Data & { readonly at: number };
};

export type OrderEvent =
  | Happened<'Placed', PlaceData & { readonly exactTotal: number; readonly total: number }>
  /** One of several partitions has reserved; others are still asked. */
  | Happened<'PartitionReserved', { readonly partition: string }>
  /** All partitions have reserved: the order awaits payment. */
  | Happened<'StockReserved'>
  | Happened<'StockRejected', { readonly partition: string; readonly shortages: readonly Shortage[] }>
  | Happened<'Paid'>
  | Happened<'PaymentFailed', { readonly reason: string }>
  | Happened<'Cancelled'>
  | Happened<'Expired'>
  /** Money was captured for an order that had ended; it goes back. */
  | Happened<'PaidTooLate'>
  | Happened<'Shipped'>
  | Happened<'Delivered'>
  | Happened<
      'RefundRequested',
      {
        readonly refundId: string;
        readonly lines: readonly RefundLine[];
        readonly amount: number;
        readonly restock: boolean;
      }
    >
  /** `refunded` is the sum so far; `complete`: nothing of the order remains. */
  | Happened<'Refunded', { readonly refundId: string; readonly refunded: number; readonly complete: boolean }>;
