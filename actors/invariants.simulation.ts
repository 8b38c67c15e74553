// What must be so at the end of every run of the simulation, whatever happened on the way. Each function is one of the
// invariants that the shop is held to; each looks at states, histories and the provider's ledger only.

import { demand, type Entry, type Instance } from './host.simulation.ts';
import { minorOf, type Money } from './money.ts';
import { type Order, type OrderEvent, type OrderStatus, type PlaceData, statusAfter } from './order.ts';
import { type Payment, paymentIdOf, voidRefundIdOf } from './payment.ts';
import type { Ledger } from './provider.simulation.ts';
import { balancesOf, type ReservationRow, skuKey, type Stock } from './stock.ts';

/** Everything that a run leaves behind. */
export interface Remains {
  readonly instances: ReadonlyMap<string, Instance>;
  readonly ledger: Ledger;
  /** What people wished for, by order id. */
  readonly wishes: ReadonlyMap<string, PlaceData>;
  /** Pieces that people brought, and that they meant to write off, by SKU. */
  readonly moved: ReadonlyMap<string, { readonly brought: number; readonly discarded: number }>;
  /** Everything that was put on the log. */
  readonly published: readonly { readonly topic: string; readonly data: Readonly<Record<string, unknown>> }[];
}

const paidStatuses: ReadonlySet<OrderStatus> = new Set(['PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED']);
const endings: ReadonlySet<OrderStatus> = new Set([...paidStatuses, 'CANCELLED', 'EXPIRED', 'PAYMENT_FAILED']);

interface Found {
  readonly orders: readonly { readonly id: string; readonly order: Order; readonly journal: readonly Entry[] }[];
  readonly payments: ReadonlyMap<string, Payment>;
  readonly partitions: readonly { readonly id: string; readonly stock: Stock; readonly journal: readonly Entry[] }[];
}

/** Throws a `Violation` that says which invariant does not hold, and for what. */
export function checkRemains(remains: Remains): void {
  const found = find(remains.instances);
  wishesBecameOrders(remains, found);
  everyOrderIsSettled(found);
  historiesArePaths(found);
  moneyIsConserved(remains, found);
  stockIsConserved(remains, found);
  pairsAgree(found);
  newsIsTold(remains, found);
  noTokenIsLeft(remains);
}

function find(instances: Remains['instances']): Found {
  const all = [...instances.values()];
  const of = (name: string) => all.filter(({ rules }) => rules.name === name);
  return {
    orders: of('order').map(({ id, state, journal }) => ({ id, order: state as Order, journal })),
    payments: new Map(of('payment').map(({ id, state }) => [id, state as Payment])),
    partitions: of('stock').map(({ id, state, journal }) => ({ id, stock: state as Stock, journal })),
  };
}

/** I1, I2: every wish became one order, with the same content, and there are no others. */
function wishesBecameOrders({ wishes }: Remains, { orders }: Found): void {
  const placed = new Map(orders.filter(({ order }) => order.status !== 'NEW').map(({ id, order }) => [id, order]));
  demand(placed.size === wishes.size, () => `I2: ${placed.size} orders of ${wishes.size} wishes`);
  for (const [id, { payment: _, deadlineMs, ...wish }] of wishes) {
    const order = placed.get(id);
    demand(order !== undefined, () => `I1: order ${id} is lost`);
    for (const fact of Object.keys(wish) as (keyof typeof wish)[]) {
      demand(
        JSON.stringify(order[fact]) === JSON.stringify(wish[fact]),
        () => `I1: ${fact} of order ${id} is not as wished`,
      );
    }
    demand(order.deadline === order.createdAt + deadlineMs, () => `I1: order ${id} has another deadline`);
  }
}

/** L1, L2: nothing waits any more. */
function everyOrderIsSettled({ orders, payments, partitions }: Found): void {
  for (const { id, order } of orders) {
    demand(endings.has(order.status) || order.status === 'NEW', () => `L1: order ${id} is still ${order.status}`);
    for (const [refundId, { confirmed }] of Object.entries(order.refunds)) {
      demand(confirmed, () => `L1: refund ${refundId} of order ${id} is still awaited`);
    }
  }
  for (const [id, { status, refunds }] of payments) {
    demand(
      status === 'SUCCEEDED' || status === 'FAILED' || status === 'VOIDED',
      () => `L1: payment ${id} is still ${status}`,
    );
    demand(
      Object.values(refunds).every(({ confirmed }) => confirmed),
      () => `L1: payment ${id} has refunds under way`,
    );
  }
  for (const { id, stock } of partitions) {
    for (const [key, row] of Object.entries(stock)) {
      demand(row?.kind !== 'reservation' || row.status !== 'reserved', () => `L2: ${key} in ${id} is held for ever`);
    }
  }
}

/** I11: every history is a path of the transition table, and ends where the order is. */
function historiesArePaths({ orders }: Found): void {
  for (const { id, order, journal } of orders) {
    let status: OrderStatus | undefined = 'NEW';
    for (const event of journal) {
      const before: OrderStatus = status;
      status = statusAfter(before, event as unknown as OrderEvent);
      demand(status !== undefined, () => `I11: order ${id} had the event ${event.type} when it was ${before}`);
    }
    demand(status === order.status, () => `I11: order ${id} is ${order.status}, its history says ${status}`);
  }
}

/** I3, I4, I7: by the provider's own book. */
function moneyIsConserved({ ledger }: Remains, { orders, payments }: Found): void {
  const byId = new Map(orders.map(({ id, order }) => [id, order]));
  const charged = new Set<string>();
  for (const [paymentId, { orderId, amount, currency, status }] of ledger.charges) {
    const order = byId.get(orderId);
    demand(
      order !== undefined && paymentId === paymentIdOf(orderId),
      () => `I4: ${paymentId} was charged without an order`,
    );
    if (status !== 'succeeded') continue;
    demand(!charged.has(orderId), () => `I3: order ${orderId} was charged twice`);
    charged.add(orderId);
    demand(
      amount === order.total && currency === order.currency,
      () => `I3: order ${orderId} was charged another amount`,
    );
    demand(payments.get(paymentId)?.captured === amount, () => `I4: nobody here knows of the charge ${paymentId}`);
  }
  const sums = new Map<string, number>();
  const add = (currency: string, minor: number): void => void sums.set(currency, (sums.get(currency) ?? 0) + minor);
  for (const { id, order, journal } of orders) {
    const { status, total, refunded, currency } = order;
    const isFree = total === 0 && journal.some(({ type }) => type === 'StockReserved');
    demand(
      !isFree || journal.some(({ type }) => type === 'Paid'),
      () => `I4: order ${id} costs nothing, but is not paid`,
    );
    const isPaid = paidStatuses.has(status);
    demand(!isPaid || total === 0 || charged.has(id), () => `I4: order ${id} is ${status}, but nothing was charged`);
    demand(total > 0 || !payments.has(paymentIdOf(id)), () => `I4: order ${id} costs nothing, but has a payment`);
    const owed = isPaid ? total - refunded : 0;
    const kept = ledger.kept(paymentIdOf(id));
    demand(kept === owed, () => `I7: ${kept} ${currency} are kept for order ${id} (${status}), ${owed} are owed`);
    add(currency, kept - owed);
    const unwanted = ledger.refunds.has(voidRefundIdOf(id));
    demand(!unwanted || !isPaid, () => `I7: the money of order ${id} went back as unwanted, but it is ${status}`);
  }
  for (const [currency, inFlight] of sums) demand(inFlight === 0, () => `I7: ${inFlight} ${currency} are nowhere`);
}

/** I5, I6: by the balances and, apart from them, by what people did and by what the orders say. */
function stockIsConserved({ moved }: Remains, { orders, partitions }: Found): void {
  const sold = new Map<string, number>();
  const returned = new Map<string, number>();
  const add = (sums: Map<string, number>, sku: string, pieces: number): void =>
    void sums.set(sku, (sums.get(sku) ?? 0) + pieces);
  for (const { order } of orders) {
    if (!paidStatuses.has(order.status)) continue;
    for (const { sku, quantity } of order.lines) add(sold, sku, quantity);
    for (const { lines, restock } of Object.values(order.refunds)) {
      for (const { line, quantity } of restock ? lines : []) add(returned, order.lines[line]?.sku ?? '', quantity);
    }
  }
  for (const { stock } of partitions) checkBalances(stock);
  for (const sku of new Set([...moved.keys(), ...sold.keys(), ...returned.keys()])) {
    const rows = partitions.flatMap(({ stock }) => (stock[skuKey(sku)] === undefined ? [] : [balancesOf(stock, sku)]));
    demand(rows.length <= 1, () => `I6: ${sku} lies in ${rows.length} partitions`);
    const row = rows[0] ?? balancesOf({}, sku);
    const { brought, discarded } = moved.get(sku) ?? { brought: 0, discarded: 0 };
    const expected = {
      received: brought,
      sold: sold.get(sku) ?? 0,
      returned: returned.get(sku) ?? 0,
      writtenOff: discards(partitions, sku),
      reserved: 0,
    };
    for (const [balance, pieces] of Object.entries(expected) as [keyof typeof expected, number][]) {
      demand(row[balance] === pieces, () => `I6: ${row[balance]} of ${sku} are ${balance}, it should be ${pieces}`);
    }
    demand(
      row.writtenOff <= discarded,
      () => `I6: ${row.writtenOff} of ${sku} are written off, ${discarded} were wished`,
    );
  }
}

/** Pieces written off by the movements. */
function discards(partitions: Found['partitions'], sku: string): number {
  let sum = 0;
  for (const { journal } of partitions) {
    for (const { type, data } of journal) {
      if (type === 'WrittenOff' && data['sku'] === sku) sum += data['quantity'] as number;
    }
  }
  return sum;
}

/** I5, I6 of every SKU, also in the middle of a run. */
export function checkBalances(stock: Stock): void {
  for (const key in stock) {
    const row = stock[key];
    if (row?.kind !== 'sku') continue;
    const { received, onHand, reserved, sold, returned, writtenOff } = row;
    demand(0 <= reserved && reserved <= onHand, () => `I5: ${reserved} of ${key} are reserved, ${onHand} are on hand`);
    demand(sold <= received + returned, () => `I5: ${sold} of ${key} are sold, ${received + returned} came in`);
    demand(received + returned === onHand + sold + writtenOff, () => `I6: pieces of ${key} have appeared or vanished`);
  }
}

/** I7 of one order, also in the middle of a run: what is kept for it lies between what is owed and what may still go back. */
export function checkMoney(id: string, order: Order, ledger: Ledger): void {
  if (!paidStatuses.has(order.status)) return;
  const kept = ledger.kept(paymentIdOf(id));
  const promised = Object.values(order.refunds).reduce((sum, { amount }) => sum + amount, 0);
  demand(
    kept <= order.total - order.refunded,
    () => `I7: ${kept} are kept for order ${id}, of ${order.total} less ${order.refunded}`,
  );
  demand(
    kept >= order.total - promised,
    () => `I7: only ${kept} are kept for order ${id}, of ${order.total} less ${promised}`,
  );
}

/** Order and stock agree on every reservation; order and payment on every refund. */
function pairsAgree({ orders, partitions, payments }: Found): void {
  const stocks = new Map(partitions.map(({ id, stock }) => [id, stock]));
  for (const { id, order } of orders) {
    for (const partition of new Set(order.lines.map((line) => line.partition))) {
      const row = stocks.get(partition)?.[`reservation:${id}`] as ReservationRow | undefined;
      const status = row?.status ?? 'none';
      const fits = paidStatuses.has(order.status)
        ? status === 'committed'
        : status === 'released' || status === 'rejected';
      demand(fits, () => `order ${id} is ${order.status}, its reservation in ${partition} is ${status}`);
    }
    const payment = payments.get(paymentIdOf(id));
    for (const [refundId, { amount }] of Object.entries(order.refunds)) {
      const asked = payment?.refunds[`${id}/${refundId}`]?.amount ?? 0;
      demand(asked === amount, () => `refund ${refundId} of order ${id} is worth ${amount}, the payment gave ${asked}`);
    }
  }
}

/** Every order that awaited payment was made known once, with its amount; every outcome too; every cart was tidied once. */
function newsIsTold({ published, instances }: Remains, { orders, payments }: Found): void {
  const told = (topic: string, orderId: string) =>
    published.filter((event) => event.topic === topic && event.data['orderId'] === orderId);
  for (const { id, order, journal } of orders) {
    const had = (type: string) => journal.some((entry) => entry.type === type);
    const created = told('order.created', id);
    demand(created.length === Number(had('StockReserved')), () => `order ${id} was made known ${created.length} times`);
    const requested = told('payment.requested', id);
    const wanted = Number(had('StockReserved') && order.total > 0);
    demand(requested.length === wanted, () => `the money of order ${id} was asked for ${requested.length} times`);
    for (const { data } of requested) {
      demand(minorOf(data['amount'] as Money) === order.total, () => `another amount was asked for order ${id}`);
    }
    const updates = new Map(told('order.updated', id).map(({ data }) => [Number(data['version']), data]));
    demand(updates.size === told('order.updated', id).length, () => `a version of order ${id} was told twice`);
    const newest = updates.get(Math.max(...updates.keys()));
    const isTold = newest?.['status'] === order.status && newest['updatedAt'] === order.updatedAt;
    demand(isTold === (order.customerId !== undefined), () => `the customer of order ${id} is not told how it is`);
    const outcomes = [...told('payment.succeeded', id), ...told('payment.failed', id)];
    demand(outcomes.length <= 1, () => `order ${id} heard ${outcomes.length} outcomes`);
    const cart = instances.get(`cart/${order.cartId}`)?.state as readonly string[] | undefined;
    const isTidied = cart?.includes(id) ?? false;
    const isExpected = had('Paid') && order.cartId !== undefined;
    demand(isTidied === isExpected, () => `the cart of order ${id} is ${isTidied ? '' : 'not '}tidied`);
  }
  for (const payment of payments.values()) {
    demand(payment.orderId !== '', () => 'a payment belongs to no order');
  }
}

/** No payment token outlives its payment, and none was ever published. */
function noTokenIsLeft({ instances, published }: Remains): void {
  for (const { rules, id, state } of instances.values()) {
    demand(!JSON.stringify(state).includes('sealed'), () => `${rules.name} ${id} still holds a payment token`);
  }
  for (const { topic, data } of published) {
    demand(!JSON.stringify(data).includes('sealed'), () => `${topic} holds a payment token`);
  }
}
