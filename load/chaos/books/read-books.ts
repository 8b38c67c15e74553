// Reads all books of a shop from beside it, each from where it stood when the run began.
//
//   openBooks ─► mark ─► (the run) ─► settled ─► read ─► Books ─► checkers
//
// A cluster is read by SQL, Kafka's protocol, the provider's file and the file of mails; a shop in one process without Kafka.

import { setTimeout as pause } from 'node:timers/promises';
import { type BookDatabase, openBookDatabase } from './book-database.ts';
import type { Books, LateEntry, Sample } from './books.ts';
import { embeddedBook } from './embedded-topics.ts';
import type { LogBook } from './log-book.ts';
import { orderOfMail, readAllMails } from './mails.ts';
import type { Mark } from './mark.ts';
import { olderOrders, readPostgres } from './postgres.ts';
import { readLedgerFrom } from './provider.ts';
import { readAnalytics, readTotals } from './windows.ts';

export type { Mark } from './mark.ts';

/** Mails carry the time of the host that sent them, which may be so far behind, in milliseconds. */
const HOST_CLOCK_MS = 3_600_000;
/** What is stored in the millisecond of a mark is on one side of it for sure. */
const MARK_MS = 2;

/** Where the books lie. */
export interface BookPlaces {
  /** Of the administrator. */
  readonly postgresUrl: string;
  readonly dataDir: string;
  /** Missing: the log is in PostgreSQL. */
  readonly kafkaBrokers?: readonly string[];
}

export interface ReadOptions {
  /** Missing: from the beginning. */
  readonly since?: Mark | undefined;
  /** Only the stock of these; missing: of all. */
  readonly skus?: readonly string[] | undefined;
  readonly samples?: readonly Sample[];
}

export interface BookReader {
  readonly database: BookDatabase;
  readonly log: LogBook;
  /** Where the books stand, for reading from there on. Asked while the shop is quiet, before the run makes anything. */
  mark(): Promise<Mark>;
  read(options?: ReadOptions): Promise<Books>;
  close(): Promise<void>;
}

/** Opens the books; `close` them. */
export async function openBooks({ postgresUrl, dataDir, kafkaBrokers }: BookPlaces): Promise<BookReader> {
  const database = openBookDatabase(postgresUrl);
  // By a load of its own: it is what the cluster alone needs.
  const log =
    kafkaBrokers === undefined ? embeddedBook(database.ask) : (await import('./topics.ts')).kafkaBook(kafkaBrokers);
  return {
    database,
    log,
    async mark() {
      await pause(MARK_MS);
      const [clock] = await database.ask('select (extract(epoch from clock_timestamp()) * 1000)::float8 as at');
      const totals = await readTotals(database.ask);
      const { end } = readLedgerFrom(dataDir);
      const topics = await log.ends();
      await pause(MARK_MS);
      const { mails } = await readAllMails(dataDir);
      const sent = new Set(mails.map(({ messageId }) => messageId));
      return { at: clock?.['at'], topics, ledger: end, mails: sent, ...totals };
    },

    async read({ since, skus, samples = [] } = {}) {
      const positions = await log.positions();
      const { topics, deadLetters } = await log.read(since?.topics ?? {});
      const stored = await database.snapshot(async (ask) => ({
        ...(await readPostgres(ask, { since: since?.at, skus: skus && new Set(skus) })),
        ...(await readAnalytics(ask)),
      }));
      const { charges, refunds, voids } = readLedgerFrom(dataDir, since?.ledger, since?.at);
      const { mails, ...mailsFrom } = await readAllMails(dataDir);
      const isOlder = await olderOf(database, since, new Set(stored.orders.map(({ id }) => id)), [
        ...charges.map(({ orderId }) => orderId),
        ...mails.flatMap((mail) => orderOfMail(mail) ?? []),
        ...movementsOf(stored).flatMap(({ data }) => data.orderId ?? []),
      ]);
      const { uncounted, eventTimes: _, entriesOfOlder, ...rest } = stored;
      const charged = new Set(charges.map(({ paymentId }) => paymentId));
      const late = since && {
        charges: charges.filter(({ orderId }) => isOlder(orderId)),
        refunds: refunds.filter(({ paymentId }) => !charged.has(paymentId)),
        mails: mails.filter((mail) => !since.mails.has(mail.messageId) && isOlder(orderOfMail(mail))),
        entries: [...entriesOfOlder, ...movementsOf(stored).filter(({ data }) => isOlder(data.orderId))],
      };
      return {
        ...rest,
        ...mailsFrom,
        at: Date.now(),
        ledger: { charges: charges.filter(({ orderId }) => !isOlder(orderId)), refunds, voids },
        topics,
        deadLetters,
        positions,
        mails: mails.filter((mail) => isOfRun(mail.at, since) && !isOlder(orderOfMail(mail))),
        uncounted: {
          late: uncounted.late - (since?.uncounted.late ?? 0),
          malformed: uncounted.malformed - (since?.uncounted.malformed ?? 0),
        },
        eventTimes: since?.eventTimes ?? {},
        samples,
        ...(late === undefined ? {} : { late }),
      };
    },

    async close() {
      await log.close();
      await database.close();
    },
  };
}

const movementsOf = ({ contexts }: Pick<Books, 'contexts'>): readonly LateEntry[] =>
  (contexts.inventory?.journal ?? []).map((entry) => ({ ...entry, context: 'inventory' }));

const isOfRun = (at: string, since: Mark | undefined): boolean =>
  since === undefined || Date.parse(at) >= since.at - HOST_CLOCK_MS;

/** Whether an order was there before the run; what nobody knows was not. */
async function olderOf(
  { ask }: BookDatabase,
  since: Mark | undefined,
  own: ReadonlySet<string>,
  named: readonly string[],
): Promise<(id: string | undefined) => boolean> {
  if (since === undefined) return () => false;
  const older = await olderOrders(
    ask,
    [...new Set(named)].filter((id) => !own.has(id)),
    since.at,
  );
  return (id) => id !== undefined && older.has(id);
}
