// Waits until the shop is quiet: nothing that was begun is unfinished, nothing has to leave, nobody is behind.
//
//   orders ─► payments ─► outboxes ─► groups at the ends of their topics ─► history        all of it twice in a row
//
// Twice, because what one of them finishes may begin something in another that was looked at before.

import { setTimeout as pause } from 'node:timers/promises';
import type { Ask } from './book-database.ts';
import { actorContexts } from './postgres.ts';
import type { BookReader } from './read-books.ts';

/** So many waiting things are named in a sentence. */
const NAMED_MAX = 3;
const BROKEN_OFF = 'the wait was broken off';
const POLL_MS = 200;
/** As for an order after the last fault. */
const WITHIN_MS = 60_000;

export interface SettleOptions {
  /** How long to wait, in milliseconds; default 60,000. */
  readonly withinMs?: number;
  /** Told what is waited for, each time it is something else. */
  readonly say?: (what: string) => void;
  readonly signal?: AbortSignal;
}

export interface Settled {
  /** When everything was found settled for the first time, milliseconds since 1970; missing: it never was. */
  readonly quietAt?: number;
  /** What was not settled at the end, as sentences. */
  readonly unsettled: readonly string[];
}

type Question = (books: Pick<BookReader, 'database' | 'log'>) => Promise<readonly string[]>;

/** Waits for quiet. Never rejects because a server is away: that is not quiet. */
export async function settled(
  books: Pick<BookReader, 'database' | 'log'>,
  { withinMs = WITHIN_MS, say = () => {}, signal }: SettleOptions = {},
): Promise<Settled> {
  const giveUpAt = performance.now() + withinMs;
  let quietAt: number | undefined;
  let said = '';
  for (;;) {
    const unsettled = await firstUnsettled(books);
    if (unsettled.length === 0) {
      if (quietAt !== undefined) return { quietAt, unsettled };
      quietAt = Date.now();
      continue;
    }
    quietAt = undefined;
    if (signal?.aborted === true) return { unsettled: [BROKEN_OFF, ...unsettled] };
    if (performance.now() > giveUpAt) return { unsettled };
    const waitedFor = unsettled.map(withoutFigures).join('; ');
    if (waitedFor !== said) say(`waiting: ${unsettled.join('; ')}`);
    said = waitedFor;
    await pause(POLL_MS);
  }
}

/** The same wait in other figures is told once. */
const withoutFigures = (sentence: string): string => sentence.replace(/^\d+ | \(.*\)$/g, '');

async function firstUnsettled(books: Pick<BookReader, 'database' | 'log'>): Promise<readonly string[]> {
  for (const [what, ask] of questions) {
    try {
      const found = await ask(books);
      if (found.length > 0) return found;
    } catch (error) {
      return [`nobody could say whether ${what} (${(error as Error).message})`];
    }
  }
  return [];
}

const questions: readonly (readonly [what: string, ask: Question])[] = [
  [
    'orders wait',
    ({ database }) => waiting(database.ask, WAITING_ORDERS, 'orders wait for stock, payment or a refund'),
  ],
  ['payments are unfinished', ({ database }) => waiting(database.ask, OPEN_PAYMENTS, 'payments are unfinished')],
  ['something has to leave', ({ database }) => outboxes(database.ask)],
  ['a group is behind', ({ log }) => behind(log)],
  ['the history is behind', unprojected],
];

const WAITING_ORDERS = `
  select id from orders.actors where status like 'AWAITING%'
  or (status in ('PAID', 'SHIPPED', 'DELIVERED') and state like '%"confirmed":false%')`;
const OPEN_PAYMENTS = `
  select id from payments.actors
  where state is not null and (state like '%"confirmed":false%' or state::jsonb->>'status' in ('NEW', 'STARTED', 'VOIDING'))`;

async function waiting(ask: Ask, found: string, what: string): Promise<readonly string[]> {
  const [row] = await ask(
    `with found as materialized (${found})
     select (select count(*) from found)::int as count, array(select id from found order by id limit ${NAMED_MAX}) as ids`,
  );
  const { count, ids } = row as { readonly count: number; readonly ids: readonly string[] };
  return count === 0 ? [] : [`${count} ${what} (${ids.join(', ')})`];
}

async function unprojected({ database, log }: Pick<BookReader, 'database' | 'log'>): Promise<readonly string[]> {
  if (!(await log.hasHistory())) return [];
  return await waiting(database.ask, 'select id from orders.unprojected', 'orders are not in the history');
}

async function outboxes(ask: Ask): Promise<readonly string[]> {
  const counts = actorContexts.map(
    (context) => `select '${context}' as context, count(*)::int as count from ${context}.outbox where sent_at is null`,
  );
  const rows = await ask(`select * from (${counts.join(' union all ')}) counts where count > 0`);
  return rows.map(({ context, count }) => `${count} messages of ${context} have not left`);
}

async function behind(log: BookReader['log']): Promise<readonly string[]> {
  const late = (await log.positions(0)).filter(({ next, end }) => next < end);
  const groups = Map.groupBy(late, ({ group }) => group);
  return [...groups].map(([group, places]) => {
    const records = places.reduce((sum, { next, end }) => sum + end - next, 0);
    return `${records} records are not taken by ${group}`;
  });
}
