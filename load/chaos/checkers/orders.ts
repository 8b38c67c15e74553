// I1: what was acknowledged is stored, with the same content, and is found again. I2: what is stored was somebody's wish.
//
//   answers that show an order ──by id──► stored orders ──by id, else by content──► wishes of clients
//
// Ids are minted from who asks, for what and under which key, so for accounts and guests the checker knows them beforehand,
// also of wishes that were never answered. Of a cart only its token would tell; such orders are found by what they hold.

import { exactSum, formatExact, formatMinor, roundToMinor } from '../../../actors/money.ts';
import type { Order } from '../../../actors/order.ts';
import { examine, type Examination, type Finding } from '../../../mixins/finding.ts';
import { commandIdOf } from '../../../services/api/command-id.ts';
import type { StoredActor } from '../books/books.ts';
import { outcomeOf, type Json, type Operation } from '../history/operation.ts';
import type { Checker, Evidence } from './checker.ts';
import { exactOf, minorUnits, placedId, type SeenOrder, seenOrders } from './seen-orders.ts';
import { canonical, granted, isCustomer, isStaff, outcomeOfWish, pathOf, type Wish, wishesOf } from './wishes.ts';

type Stored = ReadonlyMap<string, StoredActor<Order>>;

/** Answers by which nothing came of an attempt, whatever the shop is busy with. */
const REFUSALS: ReadonlySet<number> = new Set([400, 401, 403, 404, 412, 413, 415, 422]);

/** I1 and I2. */
export const checkOrders: Checker = (evidence) => {
  const stored: Stored = new Map(evidence.books.orders.map((order) => [order.id, order]));
  return [
    checkAcknowledged(evidence, stored),
    checkFoundAgain(evidence),
    checkPrices(evidence),
    checkIntents(evidence, stored),
  ];
};

/** Lists of the staff hold orders of earlier runs on the same shop too: each run's orders bear its own intents as references. */
function isOfThisRun({ order, operation }: SeenOrder, intents: ReadonlySet<string>): boolean {
  return !isStaff(operation.principal) || typeof order.reference !== 'string' || intents.has(order.reference);
}

function checkAcknowledged({ history }: Evidence, stored: Stored): Finding {
  const intents = new Set(history.map(({ intent }) => intent));
  const kept = examine('I1', 'every order that a client was shown is stored with the same content', 'sights of orders');
  for (const seen of seenOrders(history)) {
    const found = stored.get(seen.id);
    if (found === undefined && !isOfThisRun(seen, intents)) continue;
    kept.look(1);
    if (found === undefined) kept.wrong(`order ${seen.id} was shown to ${asker(seen)}, and is not stored`);
    else compare(seen, found.state, kept);
  }
  // A 202, and a 409 that names its order, say only that there is one.
  for (const operation of history) {
    const id = placedId(operation);
    if (id === undefined || operation.ending?.status === 201) continue;
    kept.look(1);
    if (!stored.has(id)) kept.wrong(`order ${id} was named in a ${operation.ending?.status}, and is not stored`);
  }
  return kept.finding();
}

const asker = ({ operation: { id, kind, principal } }: SeenOrder): string => `${principal} (${kind}, operation ${id})`;

/** What of an order never changes, as numbers and texts, each with how it is told. */
function compare({ id, order, operation }: SeenOrder, stored: Order, kept: Examination): void {
  const verb = operation.kind === 'place-order' ? 'acknowledged' : 'shown';
  const differs = (what: string, was: string, is: string) =>
    kept.wrong(`order ${id} was ${verb} with ${what} ${was} and is stored with ${is}`);
  const { currency } = stored;
  const { total: told } = order;
  if (minorUnits(told) !== stored.total || told?.currency !== currency)
    differs('total', `${told?.amount} ${told?.currency}`, `${formatMinor(stored.total, currency)} ${currency}`);
  if (exactOf(order.exactTotal) !== stored.exactTotal)
    differs('exact total', String(order.exactTotal?.amount), formatExact(stored.exactTotal));
  for (const name of ['customerId', 'email', 'reference', 'shippingAddress'] as const)
    if (canonical(order[name]) !== canonical(stored[name]))
      differs(name, canonical(order[name]), canonical(stored[name]));
  const lines = order.lines as readonly Json[];
  if (lines.length !== stored.lines.length) return differs('lines', String(lines.length), String(stored.lines.length));
  stored.lines.forEach((line, i) => {
    const shown = lines[i];
    const said = `${shown.quantity} × ${shown.sku} at ${shown.unitPrice?.amount}`;
    const isSame =
      shown.productId === line.productId &&
      shown.sku === line.sku &&
      shown.name === line.name &&
      shown.quantity === line.quantity &&
      exactOf(shown.unitPrice) === line.unitPrice &&
      exactOf(shown.total) === line.quantity * line.unitPrice;
    if (!isSame) differs(`line ${i + 1}`, said, `${line.quantity} × ${line.sku} at ${formatExact(line.unitPrice)}`);
  });
}

/** When the workload is over, every acknowledged order is asked for by whoever placed it: by its id, or in the own list. */
function checkFoundAgain({ history, to }: Evidence): Finding {
  const found = examine('I1', 'every acknowledged order is found again when the run is over', 'orders');
  const answers = new Map<string, Operation>();
  const last = history.filter(({ at }) => at >= to);
  for (const operation of last) {
    if (operation.kind !== 'read-order') continue;
    const id = pathOf(operation).split('/').at(-1) ?? '';
    if (answers.get(id)?.ending?.outcome !== 'ok') answers.set(id, operation);
  }
  if (answers.size === 0) return found.finding('nothing was read after the run');
  for (const { id, operation } of seenOrders(last)) if (!answers.has(id)) answers.set(id, operation);
  const asked = new Set<string>();
  for (const operation of history) {
    const id = operation.ending?.outcome === 'ok' ? placedId(operation) : undefined;
    if (id === undefined || asked.has(id)) continue;
    asked.add(id);
    found.look(1);
    const answer = answers.get(id);
    if (answer === undefined)
      found.wrong(`order ${id} was acknowledged to ${operation.principal}, and never read back`);
    else if (outcomeOf(answer) !== 'ok')
      found.wrong(
        `order ${id} was acknowledged, and reading it back ends with ${answer.ending?.status ?? 'no answer'}`,
      );
  }
  return found.finding();
}

/** Products keep the price that they were made with, and an order costs what its lines cost, rounded once. */
function checkPrices({ history, books }: Evidence): Finding {
  const prices = examine('I1', 'an order costs what its lines cost in the catalogue, rounded once', 'orders');
  const catalogue = new Map<string, Json>();
  for (const operation of history) {
    const product = operation.kind === 'create-product' ? granted(operation) : undefined;
    if (product?.price !== undefined) catalogue.set(product.id, product.price);
  }
  for (const { id, state } of books.orders) {
    prices.look(1);
    for (const { productId, sku, unitPrice } of state.lines) {
      const price = catalogue.get(productId);
      if (price === undefined || (exactOf(price) === unitPrice && price.currency === state.currency)) continue;
      const paid = `${formatExact(unitPrice)} ${state.currency}`;
      prices.wrong(`order ${id} takes ${paid} for ${sku}, which costs ${price.amount} ${price.currency}`);
    }
    const exact = exactSum(state.lines) ?? Number.NaN;
    const [is, due] = [state.total, Number.isNaN(exact) ? exact : roundToMinor(exact, state.currency)];
    if (state.exactTotal === exact && is === due) continue;
    const shown = formatMinor(is, state.currency);
    prices.wrong(`order ${id} has the total ${shown}, its lines come to ${formatMinor(due, state.currency)}`);
  }
  return prices.finding();
}

/**
 * The books leave out orders of earlier runs, by PostgreSQL's clock (books/postgres.ts): of all others somebody wished, whenever
 * the host that stored them believed it was.
 */
function checkIntents({ history, books }: Evidence, stored: Stored): Finding {
  const wanted = examine('I2', 'every stored order belongs to exactly one intent of a client', 'orders');
  const wishes = wishesOf(history, 'place-order');
  const owners = ownersOf(history, wishes);
  for (const [id, [one, other]] of owners)
    if (one !== undefined && other !== undefined && stored.has(id))
      wanted.wrong(`order ${id} was answered to two wishes: of ${nameOf(one)} and of ${nameOf(other)}`);
  const unanswered = byContent(owners, wishes, stored);
  const orderOf = new Map<string, string>();
  for (const { id, state } of books.orders) {
    const [byId] = owners.get(id) ?? [];
    const wish = byId ?? unanswered.get(contentOf(state))?.pop();
    wanted.look(1);
    if (wish === undefined) {
      wanted.wrong(`order ${id} (${shown(state)}) belongs to no intent of a client`);
      continue;
    }
    judge(id, state, wish, wanted);
    const { intent } = wish.attempts.find((attempt) => holds(attempt, state)) ?? wish.attempts[0];
    const earlier = orderOf.get(intent);
    if (earlier !== undefined) wanted.wrong(`orders ${earlier} and ${id} were both made of the intent ${intent}`);
    orderOf.set(intent, id);
  }
  return wanted.finding();
}

const nameOf = ({ principal, key }: Wish): string => `${principal} under ${key ?? 'no key'}`;
const shown = ({ customerId = 'a guest', currency, lines, total }: Order): string =>
  `of ${customerId}, ${lines.length} lines, ${formatMinor(total, currency)} ${currency}`;

/** Wishes by the ids of their orders: as they were answered, and as the gateway mints them. */
function ownersOf(
  history: readonly Operation[],
  wishes: ReadonlyMap<string, Wish>,
): ReadonlyMap<string, readonly Wish[]> {
  const owners = new Map<string, Wish[]>();
  const staffId = history.find(({ kind, principal, ending }) => {
    return kind === 'log-in' && isStaff(principal) && ending?.answer?.user?.id !== undefined;
  })?.ending?.answer.user.id as string | undefined;
  for (const wish of wishes.values()) {
    const ids = new Set(wish.attempts.map(placedId).filter((id) => id !== undefined));
    const minted = mintedId(wish, staffId);
    if (minted !== undefined) ids.add(minted);
    for (const id of ids) owners.set(id, [...(owners.get(id) ?? []), wish]);
  }
  return owners;
}

function mintedId({ principal, key }: Wish, staffId: string | undefined): string | undefined {
  if (key === undefined || principal.startsWith('cart:')) return undefined;
  const call = { method: 'POST', path: '/api/v1/orders' } as Parameters<typeof commandIdOf>[1];
  if (principal === 'guest') return commandIdOf({ kind: 'guest' }, call, {}, key);
  const id = isStaff(principal) ? staffId : principal;
  return id === undefined ? undefined : commandIdOf({ kind: 'user', id, role: 'customer' }, call, {}, key);
}

/** Wishes that may have an order under an id that nobody was told, by what it would hold. */
function byContent(
  owners: ReadonlyMap<string, readonly Wish[]>,
  wishes: ReadonlyMap<string, Wish>,
  stored: Stored,
): ReadonlyMap<string, Wish[]> {
  const served = new Set([...owners].flatMap(([id, its]) => (stored.has(id) ? its : [])));
  const found = new Map<string, Wish[]>();
  for (const wish of wishes.values()) {
    if (served.has(wish) || outcomeOfWish(wish) === 'fail') continue;
    for (const content of new Set(wish.attempts.map(({ body }) => contentOf(body)))) {
      const same = found.get(content) ?? [];
      same.push(wish);
      found.set(content, same);
    }
  }
  return found;
}

/** What a wish and its order have in common. The lines of a cart are not in the wish. */
function contentOf({ email, reference, cartId, lines }: Json): string {
  return canonical([email, reference, cartId, cartId === undefined ? linesOf(lines) : null]);
}

const linesOf = (lines: readonly Json[] = []): Json =>
  lines.map(({ productId, quantity }: Json) => [productId, quantity]);

/** Whether this attempt asked for this order. What it left open, the address of the account or a cart, fits anything. */
function holds({ principal, body }: Operation, order: Order): boolean {
  const fits = (wanted: Json, has: Json) => wanted === undefined || canonical(wanted) === canonical(has);
  return (
    (isStaff(principal) || order.customerId === (isCustomer(principal) ? principal : undefined)) &&
    fits(body?.email, order.email) &&
    fits(body?.cartId, order.cartId) &&
    fits(body?.lines === undefined ? undefined : linesOf(body.lines), linesOf(order.lines)) &&
    canonical(body?.reference) === canonical(order.reference) &&
    canonical(body?.shippingAddress) === canonical(order.shippingAddress)
  );
}

function judge(id: string, order: Order, wish: Wish, wanted: Examination): void {
  const { attempts } = wish;
  const refusals = attempts.filter(({ ending }) => REFUSALS.has(ending?.status ?? 0));
  if (refusals.length === attempts.length)
    wanted.wrong(
      `order ${id} is stored, but its client was told ${refusals.map(({ ending }) => ending?.status).join(', ')}`,
    );
  else if (!attempts.some((attempt) => holds(attempt, order)))
    wanted.wrong(`order ${id} (${shown(order)}) is not what ${nameOf(wish)} asked for`);
}
