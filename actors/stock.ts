// Stock of one partition (actor id = partition, `main` by default): many SKUs, each a row of balances, and a row per order.
//
//                    ┌─Reserved─► reserved ──Committed─► committed        Receive ─► on hand ─► WriteOff
//   (no reservation)─┼─Rejected─► rejected       │                                      ▲
//                    └─Released───────────────┬──┘                        Return ───────┘
//                                             ▼
//                                          released
//
// One `Reserve` carries all lines of an order for the partition: all or nothing. `released` and `rejected` are tombstones:
// a `Release` that overtakes its `Reserve` leaves one, and the `Reserve` that comes after it holds nothing.
// A delivery or write-off that has a name (`movementId`) leaves a row under it, so that it is never counted again.

import {
  type Actor,
  type At,
  invariant,
  type Reaction,
  type Refusal,
  refuse,
  type Slice,
  slice,
  unreachable,
} from './actor.ts';

/** What stock lacked for a product: pieces asked for and pieces there were. */
export interface Shortage {
  readonly sku: string;
  readonly productId: string;
  readonly requested: number;
  readonly available: number;
}

/** Balances of one SKU, in pieces. `onHand` includes reserved pieces; received + returned = onHand + sold + writtenOff. */
export interface SkuRow {
  readonly kind: 'sku';
  readonly received: number;
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: number;
  readonly returned: number;
  readonly writtenOff: number;
}

/** What one order holds here; its row key is `reservation:<orderId>`. Only a reservation that is held keeps its lines. */
export interface ReservationRow {
  readonly kind: 'reservation';
  readonly status: 'reserved' | 'committed' | 'released' | 'rejected';
  readonly lines: readonly StockLine[];
}

/** A refund whose pieces came back; its row key is `return:<refundId>`. */
export interface ReturnRow {
  readonly kind: 'return';
  readonly lines: readonly StockLine[];
}

/** A delivery or write-off that had a name; its row key is `movement:<movementId>`. */
export interface MovementRow {
  readonly kind: 'movement';
  readonly sku: string;
  readonly quantity: number;
}

export type StockRow = SkuRow | ReservationRow | ReturnRow | MovementRow;
export type Stock = Slice<StockRow>;

export interface StockLine {
  readonly sku: string;
  readonly productId: string;
  readonly quantity: number;
}

/** Pieces that come or go for no order. Two with the same `movementId` are the same, however much time lies between. */
export interface Movement {
  readonly sku: string;
  readonly quantity: number;
  readonly movementId?: string;
}

export interface WrittenOff extends Movement {
  readonly reason: string;
}

/** Commands that compensate or settle carry the lines again: they name the rows, whatever has arrived before them. */
export type StockCommand =
  | { readonly type: 'Receive'; readonly data: Movement }
  | { readonly type: 'WriteOff'; readonly data: WrittenOff }
  | { readonly type: 'Reserve'; readonly data: { readonly orderId: string; readonly lines: readonly StockLine[] } }
  | { readonly type: 'Commit'; readonly data: { readonly orderId: string; readonly lines: readonly StockLine[] } }
  | { readonly type: 'Release'; readonly data: { readonly orderId: string; readonly lines: readonly StockLine[] } }
  | {
      readonly type: 'Return';
      readonly data: { readonly orderId: string; readonly refundId: string; readonly lines: readonly StockLine[] };
    };

/** Lines in events are summed per SKU. */
export type StockEvent =
  | { readonly type: 'Received'; readonly data: Movement }
  | { readonly type: 'WrittenOff'; readonly data: WrittenOff }
  | { readonly type: 'Reserved'; readonly data: { readonly orderId: string; readonly lines: readonly StockLine[] } }
  | { readonly type: 'Rejected'; readonly data: { readonly orderId: string; readonly shortages: readonly Shortage[] } }
  | { readonly type: 'Committed'; readonly data: { readonly orderId: string; readonly lines: readonly StockLine[] } }
  /** `lines` is what is available again: nothing, if the `Release` overtook its `Reserve`. */
  | { readonly type: 'Released'; readonly data: { readonly orderId: string; readonly lines: readonly StockLine[] } }
  | {
      readonly type: 'Returned';
      readonly data: { readonly orderId: string; readonly refundId: string; readonly lines: readonly StockLine[] };
    };

/** Pieces that one SKU may receive in its life: far above any warehouse, far below where integers end. */
export const RECEIVED_MAX = 1_000_000_000_000;

/** Which event may follow in which status of a reservation, and where it leads. */
export const reservationTransitions: Readonly<
  Record<ReservationRow['status'] | 'none', Partial<Record<StockEvent['type'], ReservationRow['status']>>>
> = {
  none: { Reserved: 'reserved', Rejected: 'rejected', Released: 'released' },
  reserved: { Committed: 'committed', Released: 'released' },
  committed: {},
  released: {},
  rejected: {},
};

export const skuKey = (sku: string): string => `sku:${sku}`;
export const reservationKey = (orderId: string): string => `reservation:${orderId}`;
export const returnKey = (refundId: string): string => `return:${refundId}`;
export const movementKey = (movementId: string): string => `movement:${movementId}`;

const nothing: SkuRow = { kind: 'sku', received: 0, onHand: 0, reserved: 0, sold: 0, returned: 0, writtenOff: 0 };

/** The balances of a SKU in a slice; all zero for one that stock never had. */
export function balancesOf(stock: Stock, sku: string): SkuRow {
  return (stock[skuKey(sku)] as SkuRow | undefined) ?? nothing;
}

/** Pieces that may be promised. */
export function availableOf(row: SkuRow): number {
  return row.onHand - row.reserved;
}

/** One line per SKU: repeated ones are summed. */
export function perSku(lines: readonly StockLine[]): readonly StockLine[] {
  const sums = new Map<string, StockLine>();
  for (const { sku, productId, quantity } of lines) {
    sums.set(sku, { sku, productId, quantity: quantity + (sums.get(sku)?.quantity ?? 0) });
  }
  return [...sums.values()];
}

function needs(command: StockCommand): readonly string[] {
  switch (command.type) {
    case 'Receive':
    case 'WriteOff': {
      const { sku, movementId } = command.data;
      return movementId === undefined ? [skuKey(sku)] : [skuKey(sku), movementKey(movementId)];
    }
    case 'Reserve':
    case 'Commit':
    case 'Release':
      return [...rowsOf(command.data.lines), reservationKey(command.data.orderId)];
    case 'Return':
      return [...rowsOf(command.data.lines), returnKey(command.data.refundId)];
    default:
      return unreachable(command);
  }
}

const rowsOf = (lines: readonly StockLine[]): Iterable<string> => new Set(lines.map(({ sku }) => skuKey(sku)));

function decide(stock: Stock, command: At<StockCommand>): readonly StockEvent[] | Refusal {
  switch (command.type) {
    case 'Receive':
      return earlier(stock, command.data) ?? receive(stock, command.data);
    case 'WriteOff':
      return earlier(stock, command.data) ?? writeOff(stock, command.data);
    case 'Reserve':
      return reserve(stock, command.data);
    case 'Commit': {
      const held = reservationOf(stock, command.data.orderId);
      if (held?.status === 'committed') return [];
      // Orders are paid after their stock was reserved and never after it was released.
      invariant(held?.status === 'reserved', `order ${command.data.orderId} is paid, but holds no stock`);
      return [{ type: 'Committed', data: { orderId: command.data.orderId, lines: held.lines } }];
    }
    case 'Release': {
      const { orderId } = command.data;
      const held = reservationOf(stock, orderId);
      if (held === undefined) return [{ type: 'Released', data: { orderId, lines: [] } }];
      return held.status === 'reserved' ? [{ type: 'Released', data: { orderId, lines: held.lines } }] : [];
    }
    case 'Return': {
      if (stock[returnKey(command.data.refundId)] !== undefined) return [];
      return [{ type: 'Returned', data: { ...command.data, lines: perSku(command.data.lines) } }];
    }
    default:
      return unreachable(command);
  }
}

function reservationOf(stock: Stock, orderId: string): ReservationRow | undefined {
  return stock[reservationKey(orderId)] as ReservationRow | undefined;
}

/** What a movement that was counted before decides to now: nothing, unless it is another one under the same name. */
function earlier(stock: Stock, { sku, quantity, movementId }: Movement): readonly [] | Refusal | undefined {
  const known = movementId === undefined ? undefined : (stock[movementKey(movementId)] as MovementRow | undefined);
  if (known === undefined) return undefined;
  if (known.sku === sku && known.quantity === quantity) return [];
  const detail = `under this key ${known.quantity} pieces of ${known.sku} were moved before, not ${quantity} of ${sku}`;
  return refuse('idempotency-key-reused', detail);
}

const isCount = (quantity: number): boolean => Number.isSafeInteger(quantity) && quantity > 0;

function receive(stock: Stock, data: Movement): readonly StockEvent[] | Refusal {
  if (!isCount(data.quantity)) return wrongQuantity('a whole number above zero is received');
  if (balancesOf(stock, data.sku).received + data.quantity > RECEIVED_MAX) {
    return wrongQuantity(`a SKU can receive ${RECEIVED_MAX} pieces in all`);
  }
  return [{ type: 'Received', data }];
}

function writeOff(stock: Stock, data: WrittenOff): readonly StockEvent[] | Refusal {
  if (!isCount(data.quantity)) return wrongQuantity('a whole number above zero is written off');
  const available = availableOf(balancesOf(stock, data.sku));
  if (data.quantity <= available) return [{ type: 'WrittenOff', data }];
  const detail = `${data.quantity} pieces were to be written off, ${available} are available`;
  const error = { pointer: '/quantity', code: 'insufficient-stock', detail, requested: data.quantity, available };
  return refuse('insufficient-stock', detail, [error]);
}

function wrongQuantity(detail: string): Refusal {
  return refuse('invalid-request', detail, [{ pointer: '/quantity', code: 'out-of-range', detail }]);
}

function reserve(
  stock: Stock,
  data: { readonly orderId: string; readonly lines: readonly StockLine[] },
): readonly StockEvent[] {
  const { orderId } = data;
  // Whatever stands there was answered, or is a tombstone of an order that waits for no answer.
  if (reservationOf(stock, orderId) !== undefined) return [];
  const lines = perSku(data.lines);
  const shortages = lines.flatMap(({ sku, productId, quantity }) => {
    const available = availableOf(balancesOf(stock, sku));
    return quantity > available ? [{ sku, productId, requested: quantity, available }] : [];
  });
  return shortages.length === 0
    ? [{ type: 'Reserved', data: { orderId, lines } }]
    : [{ type: 'Rejected', data: { orderId, shortages } }];
}

function evolve(stock: Stock, event: StockEvent): Stock {
  const rows: Rows = slice(stock);
  switch (event.type) {
    case 'Received':
      move(rows, [event.data], { received: 1, onHand: 1 });
      remember(rows, event.data);
      break;
    case 'WrittenOff':
      move(rows, [event.data], { writtenOff: 1, onHand: -1 });
      remember(rows, event.data);
      break;
    case 'Reserved':
      move(rows, event.data.lines, { reserved: 1 });
      settle(rows, event.data.orderId, event.type, event.data.lines);
      break;
    case 'Rejected':
      settle(rows, event.data.orderId, event.type, []);
      break;
    case 'Committed':
      move(rows, event.data.lines, { reserved: -1, onHand: -1, sold: 1 });
      settle(rows, event.data.orderId, event.type, []);
      break;
    case 'Released':
      move(rows, event.data.lines, { reserved: -1 });
      settle(rows, event.data.orderId, event.type, []);
      break;
    case 'Returned':
      move(rows, event.data.lines, { onHand: 1, returned: 1 });
      rows[returnKey(event.data.refundId)] = { kind: 'return', lines: event.data.lines };
      break;
    default:
      return unreachable(event);
  }
  return rows;
}

type Rows = Record<string, Stock[string]>;
type Balance = Exclude<keyof SkuRow, 'kind'>;

/** The pieces of the lines move: each balance named gains (1) or loses (-1) the line's quantity. */
function move(
  rows: Rows,
  lines: readonly { readonly sku: string; readonly quantity: number }[],
  signs: Partial<Record<Balance, 1 | -1>>,
): void {
  for (const { sku, quantity } of lines) {
    const row: Record<Balance, number> & { kind: 'sku' } = { ...balancesOf(rows, sku) };
    for (const balance of Object.keys(signs) as Balance[]) row[balance] += quantity * (signs[balance] as number);
    rows[skuKey(sku)] = row;
  }
}

function remember(rows: Rows, { sku, quantity, movementId }: Movement): void {
  if (movementId !== undefined) rows[movementKey(movementId)] = { kind: 'movement', sku, quantity };
}

function settle(rows: Rows, orderId: string, event: StockEvent['type'], lines: readonly StockLine[]): void {
  const before = reservationOf(rows, orderId)?.status ?? 'none';
  const status = reservationTransitions[before][event];
  invariant(status !== undefined, `a reservation that is ${before} cannot have the event ${event}`);
  rows[reservationKey(orderId)] = { kind: 'reservation', status, lines };
}

/** Stock answers the order; everything else is quiet. */
function react(_stock: Stock, event: StockEvent, partition: string): readonly Reaction[] {
  switch (event.type) {
    case 'Reserved': {
      const command = { type: 'RecordReserved', data: { partition } };
      return [{ kind: 'send', to: 'order', id: event.data.orderId, command }];
    }
    case 'Rejected': {
      const { orderId, shortages } = event.data;
      const command = { type: 'RecordShortage', data: { partition, shortages } };
      return [{ kind: 'send', to: 'order', id: orderId, command }];
    }
    case 'Received':
    case 'WrittenOff':
    case 'Committed':
    case 'Released':
    case 'Returned':
      return [];
    default:
      return unreachable(event);
  }
}

function check(stock: Stock): void {
  for (const key in stock) {
    const row = stock[key];
    if (row?.kind !== 'sku') continue;
    const { received, onHand, reserved, sold, returned, writtenOff } = row;
    const balances = [received, onHand, reserved, sold, returned, writtenOff];
    invariant(
      balances.every((pieces) => Number.isSafeInteger(pieces) && pieces >= 0),
      `${key}: pieces are counted in whole numbers, never below zero`,
    );
    invariant(reserved <= onHand, `${key}: no more is reserved than is on hand`);
    invariant(
      received + returned === onHand + sold + writtenOff,
      `${key}: every piece that came in is on hand, sold or written off`,
    );
  }
}

/** The rules of stock. */
export const stockActor: Actor<Stock, StockCommand, StockEvent> = {
  name: 'stock',
  initial: {},
  decide,
  evolve,
  react,
  check,
  needs,
};
