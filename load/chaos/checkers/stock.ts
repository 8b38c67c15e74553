// I5 and I6: no piece is sold that was not there, none appears or vanishes. The balances are held against four other
// accounts of the same pieces: the rules themselves, the movements in the journal (after each of them, not only the last),
// the orders, and what clients were told of what they brought, threw away and ordered.
//
//   journal ──replay──► balances after every movement ──last──► balances ◄── orders: paid, returned, held
//                                                                  ▲
//                          clients: granted ≤ … ≤ granted + unknown┘

import type { Order } from '../../../actors/order.ts';
import type { SkuRow } from '../../../actors/stock.ts';
import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { JournalEntry } from '../books/books.ts';
import type { Json } from '../history/operation.ts';
import type { Checker, Evidence } from './checker.ts';
import { checkTold } from './stock-told.ts';
import { granted } from './wishes.ts';

export const balances = ['received', 'onHand', 'reserved', 'sold', 'returned', 'writtenOff'] as const;
export type Balances = Record<(typeof balances)[number], number>;
type Lines = readonly { readonly sku: string; readonly quantity: number }[];

const none = (): Balances => ({ received: 0, onHand: 0, reserved: 0, sold: 0, returned: 0, writtenOff: 0 });

/** How each movement changes the balances of its SKUs. */
const effects: Readonly<Record<string, Partial<Balances>>> = {
  Received: { received: 1, onHand: 1 },
  WrittenOff: { writtenOff: 1, onHand: -1 },
  Reserved: { reserved: 1 },
  Committed: { reserved: -1, onHand: -1, sold: 1 },
  Released: { reserved: -1 },
  Returned: { onHand: 1, returned: 1 },
};

/** I5 and I6. */
export const checkStock: Checker = (evidence) => {
  const { books, products } = evidence;
  const own = new Set(products.map(({ sku }) => sku));
  const rows = books.stock.flatMap(({ partition, key, row }) =>
    row.kind === 'sku' ? [{ partition, sku: key.slice('sku:'.length), row }] : [],
  );
  return [
    ...checkBalances(evidence, rows),
    ...checkMovements(evidence, rows, own),
    checkReservations(evidence, rows, own),
    checkOrders(evidence, rows, own),
    checkTold(evidence, sumsOf(rows)),
  ];
};

type Rows = readonly { readonly partition: string; readonly sku: string; readonly row: SkuRow }[];

/** The rules of balances: at the end, in every sample, and wherever a client was shown them. */
function checkBalances({ books, history }: Evidence, rows: Rows): readonly Finding[] {
  const bounds = examine('I5', '0 ≤ reserved ≤ on hand, sold ≤ received + returned', 'balances');
  const pieces = examine('I6', 'received + returned = on hand + sold + written off', 'balances');
  const judge = (sku: string, row: Balances, when: string) => {
    bounds.look(1);
    pieces.look(1);
    const fault = faultOf(row);
    if (fault !== undefined) bounds.wrong(`${sku}${when}: ${fault}`);
    const { received, returned, onHand, sold, writtenOff } = row;
    if (received + returned !== onHand + sold + writtenOff)
      pieces.wrong(
        `${sku}${when}: ${received + returned} came in, ${onHand + sold + writtenOff} are there or went out`,
      );
  };
  for (const { sku, row } of rows) judge(sku, row, '');
  for (const { at, balances: sampled } of books.samples)
    for (const { sku, ...row } of sampled) judge(sku, row, ` at ${new Date(at).toISOString()}`);
  for (const operation of history) {
    const shown = showsStock.has(operation.kind) ? granted(operation) : undefined;
    if (shown === undefined) continue;
    const when = ` in operation ${operation.id}`;
    judge(shown.sku, shown, when);
    if (shown.available !== shown.onHand - shown.reserved)
      bounds.wrong(`${shown.sku}${when}: ${shown.available} are available of ${shown.onHand} less ${shown.reserved}`);
  }
  return [bounds.finding(), pieces.finding()];
}

const showsStock: ReadonlySet<string> = new Set(['read-stock', 'receive-stock', 'write-off-stock']);

function faultOf(row: Balances): string | undefined {
  const { received, onHand, reserved, sold, returned } = row;
  const odd = balances.find((name) => !Number.isSafeInteger(row[name]) || row[name] < 0);
  if (odd !== undefined) return `${odd} is ${row[odd]}`;
  if (reserved > onHand) return `${reserved} are reserved, ${onHand} on hand`;
  return sold > received + returned ? `${sold} are sold, ${received + returned} came in` : undefined;
}

/** Movements one after another, in the order of the partition's versions: a journal is what really happened, in its order. */
function checkMovements({ books }: Evidence, rows: Rows, own: ReadonlySet<string>): readonly Finding[] {
  const steps = examine('I5', 'after every movement 0 ≤ reserved ≤ on hand, sold ≤ received + returned', 'movements');
  const sums = examine('I6', 'balances are the sum of their movements', 'SKUs');
  const entries = Map.groupBy(books.contexts.inventory?.journal ?? [], ({ id }) => id);
  const partitions = new Set([...entries.keys(), ...rows.map(({ partition }) => partition)]);
  for (const partition of partitions) {
    const journal = (entries.get(partition) ?? []).toSorted((a, b) => a.version - b.version || a.index - b.index);
    const rest = new Map(rows.filter((row) => row.partition === partition).map(({ sku, row }) => [sku, { ...row }]));
    for (const { type, data } of journal) move(rest, type, data, -1);
    // A SKU that the run did not make had its balances before.
    const isWhole = journal[0]?.version === 1;
    const now = new Map<string, Balances>();
    for (const { sku, row } of rows) {
      const before = rest.get(sku);
      if (before === undefined) continue;
      const isNew = isWhole || own.has(sku);
      now.set(sku, isNew ? none() : { ...before });
      if (isNew) compare(sku, row, before, sums);
    }
    for (const sku of journal.flatMap(({ data }) => skusOf(data)))
      if (own.has(sku) && !rest.has(sku)) sums.wrong(`${sku} was moved in ${partition}, but has no balances there`);
    replay(journal, now, steps);
  }
  return [steps.finding(), sums.finding()];
}

const skusOf = ({ sku, lines = [] }: Json): readonly string[] =>
  sku === undefined ? lines.map((line: Json) => line.sku) : [sku];

function compare(sku: string, row: Balances, before: Balances, sums: Examination): void {
  sums.look(1);
  const wrong = balances.filter((name) => before[name] !== 0);
  if (wrong.length === 0) return;
  const said = wrong.map((name) => `${name} is ${row[name]}, by its movements ${row[name] - before[name]}`);
  sums.wrong(`${sku}: ${said.join('; ')}`);
}

function move(rows: ReadonlyMap<string, Balances>, type: string, data: Json, times: 1 | -1): void {
  const effect = Object.entries(effects[type] ?? {}) as [keyof Balances, number][];
  for (const { sku, quantity } of (data.lines ?? [data]) as Lines) {
    const row = rows.get(sku);
    if (row === undefined) continue;
    for (const [name, sign] of effect) row[name] += times * sign * quantity;
  }
}

function replay(journal: readonly JournalEntry[], now: ReadonlyMap<string, Balances>, steps: Examination): void {
  for (const { id, version, type, data } of journal) {
    const what = `version ${version} of ${id} (${type}${data.orderId === undefined ? '' : ` ${data.orderId}`})`;
    if (type === 'Rejected') {
      judgeRejection(data.shortages, now, what, steps);
      continue;
    }
    if (effects[type] === undefined) continue;
    steps.look(1);
    move(now, type, data, 1);
    for (const sku of skusOf(data)) {
      const row = now.get(sku);
      const fault = row === undefined ? undefined : faultOf(row);
      if (fault !== undefined) steps.wrong(`${sku} after ${what}: ${fault}`);
    }
  }
}

/** An order is rejected only if there was too little, and is told how much there was. */
function judgeRejection(
  shortages: readonly Json[],
  now: ReadonlyMap<string, Balances>,
  what: string,
  steps: Examination,
): void {
  steps.look(1);
  for (const { sku, requested, available } of shortages) {
    const row = now.get(sku);
    if (row === undefined) continue;
    const there = row.onHand - row.reserved;
    if (there !== available || requested <= there)
      steps.wrong(
        `${sku} at ${what}: ${requested} were refused because of ${available} available, there were ${there}`,
      );
  }
}

/** What is reserved is what reservations hold. */
function checkReservations({ books }: Evidence, rows: Rows, own: ReadonlySet<string>): Finding {
  const held = examine('I6', 'reserved is the sum of the reservations that are held', 'SKUs');
  const sums = new Map<string, number>();
  for (const { row } of books.stock) {
    if (row.kind !== 'reservation' || row.status !== 'reserved') continue;
    for (const { sku, quantity } of row.lines) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  }
  for (const [sku, { reserved }] of sumsOf(rows)) {
    if (!own.has(sku)) continue;
    held.look(1);
    const holding = sums.get(sku) ?? 0;
    if (reserved !== holding) held.wrong(`${sku}: ${reserved} are reserved, reservations hold ${holding}`);
  }
  return held.finding();
}

/** Balances by SKU, whatever partitions it lies in. */
function sumsOf(rows: Rows): ReadonlyMap<string, Balances> {
  const sums = new Map<string, Balances>();
  for (const { sku, row } of rows) {
    const sum = sums.get(sku) ?? none();
    for (const name of balances) sum[name] += row[name];
    sums.set(sku, sum);
  }
  return sums;
}

const PAID: ReadonlySet<string> = new Set(['PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED']);

/** When all is quiet, stock and orders tell of the same pieces. */
function checkOrders({ books, quietAt }: Evidence, rows: Rows, own: ReadonlySet<string>): Finding {
  const agree = examine('I6', 'sold, returned and reserved are what orders have paid, given back and hold', 'SKUs');
  if (quietAt === undefined)
    return agree.finding('nothing: stock may not have heard of all orders, it never was quiet');
  const sums = new Map<string, Balances>();
  for (const { state } of books.orders) add(state, sums);
  for (const [sku, row] of sumsOf(rows)) {
    if (!own.has(sku)) continue;
    agree.look(1);
    const told = sums.get(sku) ?? none();
    for (const name of ['sold', 'returned', 'reserved'] as const)
      if (row[name] !== told[name]) agree.wrong(`${sku}: ${name} is ${row[name]}, by the orders ${told[name]}`);
  }
  return agree.finding();
}

function add({ status, lines, refunds }: Order, sums: Map<string, Balances>): void {
  const count = (sku: string, name: keyof Balances, quantity: number) => {
    const sum = sums.get(sku) ?? none();
    sum[name] += quantity;
    sums.set(sku, sum);
  };
  if (PAID.has(status)) for (const { sku, quantity } of lines) count(sku, 'sold', quantity);
  if (status === 'AWAITING_PAYMENT') for (const { sku, quantity } of lines) count(sku, 'reserved', quantity);
  for (const { confirmed, restock, lines: back } of Object.values(refunds)) {
    if (!confirmed || !restock) continue;
    for (const { line, quantity } of back) count(lines[line]?.sku ?? '', 'returned', quantity);
  }
}
