// I12 for accounts: what somebody told of themselves is what they are shown afterwards.
//
//   registered {name, phone, address} ─► changed {name} ─► changed {phone: null} ─► read: each as it was last set

import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import { type History, type Json, type Operation, outcomeOf } from '../history/operation.ts';
import { canonical, granted, isCustomer } from './wishes.ts';

const fields = ['email', 'name', 'phone', 'address'] as const;

/** A field that was set; `ended` is Infinity if nobody told whether it was. */
interface Write {
  readonly value: string;
  readonly begun: number;
  readonly ended: number;
}

interface Account {
  readonly writes: Record<(typeof fields)[number], Write[]>;
  readonly shown: { readonly operation: Operation; readonly account: Json }[];
  /** Made in this history: then it held nothing before. */
  isNew: boolean;
}

/** A field that is not there. */
const NONE = canonical(undefined);

/** Accounts as their owners see them. */
export function checkAccounts(history: History): Finding {
  const own = examine('I12', 'accounts are shown as they were changed', 'sights of accounts');
  for (const [id, account] of accountsOf(history)) {
    for (const sight of account.shown) {
      own.look(1);
      for (const field of fields) judge(id, field, account, sight, own);
    }
  }
  return own.finding();
}

function accountsOf(history: History): ReadonlyMap<string, Account> {
  const accounts = new Map<string, Account>();
  const of = (id: string): Account => {
    const known = accounts.get(id) ?? {
      writes: { email: [], name: [], phone: [], address: [] },
      shown: [],
      isNew: false,
    };
    accounts.set(id, known);
    return known;
  };
  for (const operation of history) {
    const { kind, principal, body } = operation;
    const answer = granted(operation);
    const account = kind === 'read-account' || kind === 'change-account' ? answer : answer?.user;
    const id: unknown = account?.id ?? (isCustomer(principal) ? principal : undefined);
    if (typeof id !== 'string' || principal === 'staff') continue;
    if (kind === 'register' && answer !== undefined && body !== undefined) {
      const its = of(id);
      // A repeat finds the account that the first attempt has made.
      if (!its.isNew) for (const field of fields) write(its, field, body[field], operation);
      its.isNew = true;
    }
    if (kind === 'change-account')
      for (const field of fields) if (body?.[field] !== undefined) write(of(id), field, body[field], operation);
    if (account?.id !== undefined) of(id).shown.push({ operation, account });
  }
  return accounts;
}

function write({ writes }: Account, field: (typeof fields)[number], value: Json, operation: Operation): void {
  const outcome = outcomeOf(operation);
  if (outcome === 'fail') return;
  // Null takes it away.
  const said = value === null ? NONE : canonical(value);
  const ended = outcome === 'ok' ? (operation.ending?.endedAt ?? Infinity) : Infinity;
  // An account cannot be seen before it is there, whenever in its registration that is.
  writes[field].push({ value: said, begun: operation.kind === 'register' ? -Infinity : operation.at, ended });
}

function judge(
  id: string,
  field: (typeof fields)[number],
  { writes, isNew }: Account,
  { operation, account }: Account['shown'][0],
  own: Examination,
): void {
  const { at, ending } = operation;
  const before = writes[field].filter(({ begun }) => begun < (ending?.endedAt ?? at));
  const newest = before.reduce((max, { begun, ended }) => (ended < at ? Math.max(max, begun) : max), -Infinity);
  const isKnown = isNew || newest > -Infinity;
  if (!isKnown) return;
  const possible = before.filter(({ ended }) => ended >= newest).map(({ value }) => value);
  const is = canonical(account[field]);
  if (possible.includes(is)) return;
  own.wrong(
    `account ${id} shows the ${field} ${is} (operation ${operation.id}), it should be ${[...new Set(possible)].join(' or ')}`,
  );
}
