// I10: a request that is sent again under its Idempotency-Key leads to what it led to before, another request under that key
// to nothing, and the same key of somebody else is another key.
//
//   attempts by (caller, method, path, key) ─► final answers: all the same, by one body
//                                          ─► effects: one order, one movement, one refund
//
// Final is what is kept: 2xx, and the refusal of an order by stock. A 202 of an order, a 401, 429, 503 or 409 because the
// first attempt still runs says nothing of the command. Requests under /auth/ keep no answer, since it would hold tokens.

import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { Operation, OperationKind } from '../history/operation.ts';
import type { Checker, Evidence } from './checker.ts';
import { placedId } from './seen-orders.ts';
import { canonical, outcomeOfWish, pathOf, type Wish, wishesOf } from './wishes.ts';

const keyed: readonly OperationKind[] = [
  'place-order',
  'cancel-order',
  'ship-order',
  'deliver-order',
  'refund-order',
  'receive-stock',
  'write-off-stock',
  'create-product',
  'create-cart',
  'send-event',
];
/** Statuses by which nothing is said of the command. */
const PASSING: ReadonlySet<number> = new Set([401, 403, 408, 429]);

/** I10. */
export const checkKeys: Checker = (evidence) => {
  const wishes = [...wishesOf(evidence.history, ...keyed).values()].filter(
    ({ key, attempts: [{ path }] }) => key !== undefined && !path.includes('/auth/'),
  );
  return [checkAnswers(wishes), checkEffects(evidence, wishes), checkOwners(wishes)];
};

function checkAnswers(wishes: readonly Wish[]): Finding {
  const same = examine('I10', 'repeats get the same final answer, another body under the key gets 422', 'repeats');
  for (const { principal, key, attempts } of wishes) {
    if (attempts.length === 1) continue;
    const name = `key ${key} of ${principal} (${attempts[0].method} ${pathOf(attempts[0])})`;
    const [first] = attempts.filter(isFinal).toSorted((a, b) => endOf(a) - endOf(b));
    same.look(attempts.length - 1);
    if (first !== undefined) for (const attempt of attempts) judge(first, attempt, name, same);
  }
  return same.finding();
}

const endOf = ({ ending }: Operation): number => ending?.endedAt ?? Number.POSITIVE_INFINITY;

function isFinal({ kind, ending }: Operation): boolean {
  const { status = 0, answer } = ending ?? {};
  if (status >= 200 && status < 300) return kind !== 'place-order' || status !== 202;
  // Refused by stock, or cancelled before stock had answered: there is an order, and it has ended.
  return kind === 'place-order' && status === 409 && typeof answer?.orderId === 'string';
}

/** Whether the answer says nothing of what the key stands for. */
function isPassing({ kind, ending }: Operation): boolean {
  const { status, answer } = ending ?? {};
  if (status === undefined || status >= 500 || PASSING.has(status)) return true;
  if (status === 202) return kind === 'place-order';
  return status === 409 && answer?.code === 'request-in-progress';
}

/** An attempt beside the first one that was answered for good. */
function judge(first: Operation, attempt: Operation, name: string, same: Examination): void {
  if (attempt === first || isPassing(attempt)) return;
  const { status } = attempt.ending ?? {};
  const said = `was answered ${first.ending?.status} (operation ${first.id})`;
  if (canonical(attempt.body) !== canonical(first.body)) {
    const isRefused = (status ?? 0) >= 400;
    // Beside the first one, or before it, the other may have been refused for what it says itself.
    if (isRefused && (status === 422 || attempt.at < endOf(first))) return;
    same.wrong(`${name} ${said}, and with another body ${status} (operation ${attempt.id})`);
  } else if (isFinal(attempt)) {
    const difference = differenceOf(first, attempt);
    if (difference !== undefined) same.wrong(`${name} ${said} and ${status} (operation ${attempt.id}): ${difference}`);
  } else if (attempt.at >= endOf(first)) {
    same.wrong(`${name} ${said}, and then ${status} ${attempt.ending?.answer?.code ?? ''} (operation ${attempt.id})`);
  }
}

/** The first member in which two answers differ; the id of a request is no part of what it led to. */
function differenceOf({ ending: one }: Operation, { ending: other }: Operation): string | undefined {
  if (one?.status !== other?.status) return 'another status';
  const [was, is] = [one?.answer ?? {}, other?.answer ?? {}];
  const names = new Set([...Object.keys(was as object), ...Object.keys(is as object)]);
  names.delete('requestId');
  for (const name of names)
    if (canonical(was[name]) !== canonical(is[name])) return `${name} ${canonical(was[name])}, ${canonical(is[name])}`;
  return undefined;
}

/** What each key has led to: one order, one movement, one refund. */
function checkEffects({ books }: Evidence, wishes: readonly Wish[]): Finding {
  const once = examine('I10', 'a key leads to one effect', 'keys');
  once.look(wishes.length);
  const { orders, inventory, payments } = books.contexts;
  for (const [context, its] of Object.entries({ orders, inventory, payments })) {
    const versions = new Map<string, number>();
    for (const { id, commandId, version, type } of its?.journal ?? []) {
      const name = `${id}\n${commandId}`;
      const earlier = versions.get(name) ?? version;
      versions.set(name, earlier);
      if (earlier !== version)
        once.wrong(
          `command ${commandId} took effect on ${id} of ${context} twice, at ${earlier} and ${version} (${type})`,
        );
    }
  }
  const moved = new Map<string, string>();
  for (const { type, data, version } of inventory?.journal ?? []) {
    if (data.movementId === undefined) continue;
    const [is, was] = [`${type} ${data.quantity} × ${data.sku} (version ${version})`, moved.get(data.movementId)];
    if (was !== undefined) once.wrong(`movement ${data.movementId} was counted twice: ${was}, ${is}`);
    moved.set(data.movementId, is);
  }
  const referred = Map.groupBy(books.orders, ({ state }) => `${state.customerId ?? ''} ${state.reference ?? ''}`);
  for (const { principal, key, attempts } of wishes) {
    const [{ kind, body }] = attempts;
    if (kind !== 'place-order' || body?.reference === undefined) continue;
    const its = referred.get(`${principal} ${body.reference}`) ?? referred.get(` ${body.reference}`) ?? [];
    if (its.length > 1)
      once.wrong(`key ${key} of ${principal} led to the orders ${its.map(({ id }) => id).join(', ')}`);
  }
  countRefunds(books.orders, wishes, once);
  return once.finding();
}

/** So many refunds as wishes were granted, and at most as many more as were never answered. */
function countRefunds(orders: Evidence['books']['orders'], wishes: readonly Wish[], once: Examination): void {
  const wished = new Map<string, { granted: number; unknown: number }>();
  for (const wish of wishes) {
    const [attempt] = wish.attempts;
    if (attempt.kind !== 'refund-order') continue;
    const id = pathOf(attempt).split('/').at(-2) ?? '';
    const counts = wished.get(id) ?? { granted: 0, unknown: 0 };
    wished.set(id, counts);
    const outcome = outcomeOfWish(wish);
    if (outcome === 'ok') counts.granted += 1;
    if (outcome === 'unknown') counts.unknown += 1;
  }
  for (const { id, state } of orders) {
    // A cancelled order makes one by itself, under a name of its own.
    const made = Object.keys(state.refunds).filter((refundId) => refundId !== 'cancel').length;
    const { granted, unknown } = wished.get(id) ?? { granted: 0, unknown: 0 };
    if (made < granted || made > granted + unknown)
      once.wrong(`order ${id} has ${made} refunds, ${granted} were granted and ${unknown} not answered`);
  }
}

/** The same key of two callers, for the same call: two wishes, and neither sees the other's. */
function checkOwners(wishes: readonly Wish[]): Finding {
  const apart = examine('I10', 'one key of two callers leads to two separate effects', 'keys that two callers used');
  const callers = Map.groupBy(wishes, ({ key, attempts: [attempt] }) => `${attempt.method} ${pathOf(attempt)} ${key}`);
  for (const [name, its] of callers) {
    if (its.length === 1) continue;
    apart.look(1);
    const owners = new Map<string, string>();
    for (const { principal, attempts } of its) {
      for (const attempt of attempts) {
        const { kind, ending } = attempt;
        const id =
          kind === 'place-order'
            ? placedId(attempt)
            : ending?.outcome === 'ok' && kind === 'create-cart'
              ? ending.answer?.id
              : undefined;
        if (id === undefined) continue;
        const owner = owners.get(id) ?? principal;
        owners.set(id, owner);
        if (owner !== principal) apart.wrong(`${name} led to ${id} for both ${owner} and ${principal}`);
      }
    }
  }
  return apart.finding();
}
