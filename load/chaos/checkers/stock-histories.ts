// What clients saw of the stock of each SKU, as operations on its balances (available-pieces.ts).
//
//   create, receive        +n, leaving what was answered            order granted   −q, at one point before its answer
//   write-off              −n, leaving what was answered            order refused   what the 409 says is there
//   read                   exactly what it says (it is read           cancelled, expired, unpaid, refunded: +q at any time
//                          from committed rows)                       after, or never; unknown outcomes: the same
//
// The `available` of products is no part of it: it may be a quarter of a second old.

import { type Operation, outcomeOf } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import {
  alikeOf,
  carried,
  firstAnswered,
  perhaps,
  type Pieces,
  spanOf,
  type StockOperation,
  toldBy,
} from './available-pieces.ts';
import { addOrders } from './stock-orders.ts';
import { wishesOf } from './wishes.ts';

type Histories = Map<string, StockOperation[]>;

/** The history of each SKU that was created in it. */
export function stockHistories(evidence: Evidence): ReadonlyMap<string, readonly StockOperation[]> {
  const histories: Histories = new Map();
  for (const wish of wishesOf(evidence.history, 'create-product').values())
    addMovement(histories, carried(wish), 'received');
  for (const wish of wishesOf(evidence.history, 'receive-stock').values())
    addMovement(histories, carried(wish), 'received');
  for (const wish of wishesOf(evidence.history, 'write-off-stock').values())
    addMovement(histories, carried(wish), 'writtenOff');
  for (const operation of evidence.history) {
    const answer = operation.ending?.answer;
    if (operation.kind !== 'read-stock' || outcomeOf(operation) !== 'ok' || answer === undefined) continue;
    add(histories, answer.sku, { ...spanOf([operation], operation), input: { told: toldBy(answer) } });
  }
  addOrders(evidence, (sku, operation) => add(histories, sku, operation));
  const created = new Set(
    evidence.history
      .filter(({ kind }) => kind === 'create-product')
      .flatMap(({ skus = [] }) => skus.map(({ sku }) => sku)),
  );
  return new Map([...histories].filter(([sku]) => created.has(sku)));
}

function add(histories: Histories, sku: string, operation: StockOperation): number {
  const history = histories.get(sku);
  if (history === undefined) histories.set(sku, [operation]);
  else history.push(operation);
  return (histories.get(sku)?.length ?? 0) - 1;
}

/** Pieces that staff brought or threw away. */
function addMovement(histories: Histories, attempts: readonly Operation[], kind: 'received' | 'writtenOff'): void {
  const granted = firstAnswered(attempts, (_, status) => status < 300);
  const [{ sku, quantity } = { sku: '', quantity: 0 }] = (granted ?? attempts[0])?.skus ?? [];
  const change: Partial<Pieces> = { [kind]: quantity };
  if (granted !== undefined) {
    if (quantity === 0) return;
    const span = spanOf(attempts, granted);
    // A created product is answered as the catalogue shows it.
    if (granted.kind === 'create-product') add(histories, sku, { ...span, input: { change }, alike: alikeOf(change) });
    else add(histories, sku, { ...span, input: { change, leaving: toldBy(granted.ending?.answer) } });
    return;
  }
  for (const operation of attempts) {
    // A write-off that was refused decided nothing: each attempt saw for itself.
    const { code, errors } = operation.ending?.answer ?? {};
    if (code !== 'insufficient-stock') continue;
    add(histories, sku, { ...spanOf([operation], operation), input: { available: errors[0].available } });
  }
  const first = attempts.find((attempt) => outcomeOf(attempt) === 'unknown');
  if (first !== undefined && quantity > 0) add(histories, sku, perhaps(change, first, first.at));
}
