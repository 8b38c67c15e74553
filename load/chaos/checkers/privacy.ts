// I15: no answer holds what is another customer's. Whatever people tell of themselves, and every name that the shop gives
// their things, belongs to whoever said it or was told it first; it is looked for in all answers to all others but staff.
//
//   registrations, accounts, orders ──► text ─► its owners
//   answers ──► every text in them, whole, and every address and id inside of it ──► owned by somebody else?
//
// Guests are one owner: they are known by nothing but the tokens that they bear. What a request names itself, its answer may
// repeat. A text that several people share (a town) tells nothing of any of them.

import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import type { History, Json, Operation } from '../history/operation.ts';
import type { Checker } from './checker.ts';
import { placedId, seenOrders } from './seen-orders.ts';
import { isCustomer, isStaff, wishesOf } from './wishes.ts';

/** Shorter texts are no one's: a house number, a country. */
const SECRET_MIN = 6;
/** Ids and e-mail addresses inside of longer texts. */
const NAMES = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}|[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
const GUESTS = 'guests';

/** Owners by what is theirs. */
type Secrets = ReadonlyMap<string, ReadonlySet<string>>;

/** I15. */
export const checkPrivacy: Checker = ({ history }) => {
  const secrets = secretsOf(history);
  return [checkTexts(history, secrets), checkOrders(history)];
};

const ownerOf = (principal: string): string => (isCustomer(principal) || isStaff(principal) ? principal : GUESTS);

function secretsOf(history: History): Secrets {
  const secrets = new Map<string, Set<string>>();
  const own = (owner: string, value: Json): void => {
    for (const text of textsOf(value)) {
      if (text.length < SECRET_MIN) continue;
      const owners = secrets.get(text) ?? new Set();
      secrets.set(text, owners.add(owner));
    }
  };
  for (const operation of history) {
    const { kind, principal, body, ending } = operation;
    const { answer } = ending ?? {};
    const user = answer?.user ?? (kind === 'read-account' || kind === 'change-account' ? answer : undefined);
    // Who registers is nobody yet; the answer says who that is.
    const owner = kind === 'register' && !isCustomer(principal) ? (user?.id as string | undefined) : ownerOf(principal);
    if (isCustomer(principal)) own(principal, principal);
    if (owner === undefined) continue;
    if (kind === 'register' || kind === 'change-account')
      own(owner, [body?.email, body?.name, body?.phone, body?.address]);
    // Only what the answer says to whoever is meant by it: another's account is a finding, and not their own by that.
    if (kind === 'register' && user !== undefined) own(owner, [user.id]);
    if (kind === 'place-order') own(owner, [body?.email, body?.reference, body?.shippingAddress]);
  }
  // An order belongs to whom its first wish belongs to, even if it was told to somebody else.
  for (const { principal, attempts } of wishesOf(history, 'place-order').values())
    for (const attempt of attempts) {
      const id = placedId(attempt);
      if (id !== undefined && !secrets.has(id)) own(ownerOf(principal), id);
    }
  for (const [text, owners] of secrets) if (owners.size > 1 && !isName(text)) secrets.delete(text);
  return secrets;
}

const isName = (text: string): boolean => text.match(NAMES)?.[0] === text;

/** Every text in a value. */
function* textsOf(value: Json): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value as object)) yield* textsOf(member);
}

function checkTexts(history: History, secrets: Secrets): Finding {
  const apart = examine('I15', 'no answer holds what is another customer’s', 'answers');
  for (const operation of history) {
    const { principal, ending } = operation;
    if (ending?.answer === undefined || isStaff(principal)) continue;
    apart.look(1);
    const told = new Set<string>();
    for (const text of textsOf(ending.answer)) {
      for (const part of [text, ...(text.length > SECRET_MIN ? (text.match(NAMES) ?? []) : [])]) {
        const owners = secrets.get(part);
        if (owners === undefined || told.has(part) || owners.has(whoIs(operation))) continue;
        told.add(part);
        if (isNamedIn(operation, part)) continue;
        const whose = [...owners].join(', ');
        apart.wrong(
          `${principal} was shown ${JSON.stringify(part)} of ${whose} (${operation.kind}, operation ${operation.id})`,
        );
      }
    }
  }
  return apart.finding();
}

/** Who asks; who registers becomes somebody by the answer. */
function whoIs({ kind, principal, ending }: Operation): string {
  const id: unknown = kind === 'register' ? ending?.answer?.user?.id : undefined;
  return typeof id === 'string' && !isCustomer(principal) ? id : ownerOf(principal);
}

/** Whether the request says it itself. */
function isNamedIn({ path, body }: Operation, text: string): boolean {
  return path.includes(text) || path.includes(encodeURIComponent(text)) || (JSON.stringify(body) ?? '').includes(text);
}

/** Orders are shown to whom they are of, by what they say themselves. */
function checkOrders(history: History): Finding {
  const own = examine(
    'I15',
    'customers are shown their own orders, and guests those that they bear a token of',
    'sights of orders',
  );
  for (const { id, order, operation } of seenOrders(history)) {
    const { principal, path, kind } = operation;
    if (isStaff(principal)) continue;
    own.look(1);
    judgeOrder(id, order, principal, own, operation.id);
    const asked = kind === 'place-order' || kind === 'list-orders' ? id : path.split('/')[4]?.split('?')[0];
    if (asked !== id)
      own.wrong(`${principal} asked for order ${asked}, and was shown ${id} (operation ${operation.id})`);
  }
  return own.finding();
}

function judgeOrder(id: string, { customerId }: Json, principal: string, own: Examination, operation: number): void {
  const due = isCustomer(principal) ? principal : undefined;
  if (customerId !== due)
    own.wrong(`${principal} was shown order ${id} of ${customerId ?? 'a guest'} (operation ${operation})`);
}
