// One replay of invoices from files to verdict: file after file, and within a file in the order in which a shop would live it.
//
//   read ─► what is there? ─► products and stock ─┬─► per file: orders ─► write-offs ─► credit notes ─┐
//                                                 └──────────────────────────────────────────────────┴─► reconcile

import type { Client } from '../client.ts';
import type { Progress } from '../progress.ts';
import { staffCredentials, staffSession } from '../staff.ts';
import { pounds, worthOf } from './amounts.ts';
import { readBook } from './book.ts';
import { createCustomers } from './customers.ts';
import { type Invoice, kindOf, partsOf, readInvoices, type Unreplayed } from './invoices.ts';
import { expectedOf } from './oracle.ts';
import { placeOrders } from './orders.ts';
import { productsOf, supply } from './products.ts';
import { reconcile } from './reconcile.ts';
import { type NoteReplayed, replayNotes } from './refunds.ts';
import type { Report, Shop } from './shop.ts';
import { writeOffAll } from './write-offs.ts';

const DIFFERENCES_SHOWN = 50;

interface File {
  readonly path: string;
  readonly invoices: readonly Invoice[];
}

/** What a replay found and did. */
interface Poured {
  readonly known: number;
  readonly placed: number;
  readonly orderSeconds: number;
  readonly imported: number;
  readonly deliveries: number;
  readonly registered: number;
  readonly lost: number;
  readonly cancelled: number;
  readonly refunded: number;
  readonly notesKnown: number;
  readonly notes: readonly NoteReplayed[];
}

/** Replays the files and compares. @returns whether the shop equals them */
export async function replayInvoices(
  client: Client,
  paths: readonly string[],
  progress: Progress,
  say: (line: string) => void,
): Promise<boolean> {
  const report: Report = (what, done, all) => progress.show(what, done, all);
  const files: File[] = [];
  for (const path of paths) files.push({ path, invoices: await readInvoices(path) });
  const invoices = files.flatMap((file) => file.invoices);
  const sales = invoices.filter((invoice) => partsOf(invoice).ordered.length > 0);
  say(`${invoices.length} invoices: ${sales.length} sales of ${productsOf(sales).length} products.`);
  const expected = await expectedOf(files);

  const shop: Shop = { client, staff: await staffOf(client) };
  const lap = createTimer();
  const poured = await pour(shop, files, report);
  const replaySeconds = lap();
  const { notes } = poured;
  const unreplayed = [
    ...invoices.flatMap((invoice) => partsOf(invoice).others),
    ...notes.flatMap((note) => note.unreplayed),
  ];
  const { sums, differences } = await reconcile(shop, { invoices, notes, unreplayed, expected }, report);
  progress.end();

  for (const line of [...tell(poured), ...listUnreplayed(unreplayed)]) say(line);
  const credited = worthOf(notes.flatMap(({ takes }) => takes.map(({ line, quantity }) => ({ ...line, quantity }))));
  say(
    `These orders: GBP ${pounds(sums.captured)} captured, GBP ${pounds(sums.refunded)} refunded. The credit notes, as far as they were replayed, say GBP ${pounds(credited)}.`,
  );
  say(`Replayed in ${replaySeconds.toFixed(1)} s, compared in ${lap().toFixed(1)} s.`);
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) say(`  ≠ ${difference}`);
  if (differences.length > DIFFERENCES_SHOWN) say(`  … and ${differences.length - DIFFERENCES_SHOWN} more`);
  const isEqual = differences.length === 0;
  const verdict = isEqual ? `equal to the ${expected.source}` : `${differences.length} differences`;
  const { orders, lines, units, total } = sums;
  say(`Replay: ${orders} orders, ${lines} lines, ${units} pieces, GBP ${pounds(total)}: ${verdict}.`);
  return isEqual;
}

/** Brings the shop to where the files say it should be. */
async function pour(shop: Shop, files: readonly File[], report: Report): Promise<Poured> {
  const invoices = files.flatMap((file) => file.invoices);
  const book = await readBook(shop, report);
  const known = invoices.filter(({ invoiceNo }) => book.has(invoiceNo)).length;
  const { ids, imported, received } = await supply(shop, productsOf(invoices, book), report);
  const customers = createCustomers(shop);
  const notes: NoteReplayed[] = [];
  const counts = {
    placed: 0,
    orderSeconds: 0,
    lost: 0,
    deliveries: received,
    cancelled: 0,
    refunded: 0,
    notesKnown: 0,
  };
  for (const file of files) {
    const step = (what: string) => (done: number, all: number) =>
      report(files.length === 1 ? what : `${what} ${file.invoices[0]?.date.slice(0, 7) ?? ''}`, done, all);
    const lap = createTimer();
    counts.placed += await placeOrders(shop, book, customers, file.invoices, ids, step('placing orders'));
    counts.orderSeconds += lap();
    const lost = await writeOffAll(shop, file.invoices, step('writing off'));
    counts.lost += lost.all;
    counts.deliveries += lost.received;
    const credited = await replayNotes(shop, book, file.invoices, ids, step('taking back'));
    notes.push(...credited.notes);
    counts.cancelled += credited.cancelled;
    counts.refunded += credited.refunded;
    counts.notesKnown += credited.known;
  }
  return { ...counts, known, imported, registered: customers.registered, notes };
}

function tell(poured: Poured): readonly string[] {
  const {
    imported,
    deliveries,
    registered,
    placed,
    orderSeconds,
    known,
    lost,
    notes,
    cancelled,
    refunded,
    notesKnown,
  } = poured;
  return [
    `${imported} products imported, ${deliveries} deliveries received, ${registered} customers registered.`,
    `${placed} orders placed in ${orderSeconds.toFixed(1)} s, ${known} were there already.`,
    `${lost} write-offs. ${notes.length} credit notes: ${cancelled} orders cancelled and ${refunded} refunds made, ${notesKnown} were there already.`,
  ];
}

async function staffOf(client: Client): Promise<Shop['staff']> {
  const token = staffSession(client);
  const { id } = await client.expect<{ readonly id: string }>([200], '/api/v1/customers/me', { token: await token() });
  return { token, accountId: id, password: staffCredentials().password };
}

/** What of the files has no counterpart in the shop: by kind and reason, with lines, pieces and exact sum. */
export function listUnreplayed(all: readonly Unreplayed[]): readonly string[] {
  const groups = Map.groupBy(all, ({ invoiceNo, reason }) => `${kindOf(invoiceNo)}: ${reason}`);
  return [...groups].map(([what, some]) => {
    const lines = some.map(({ line }) => line);
    const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0);
    return `Not replayed (${what}): ${lines.length} lines, ${pieces} pieces, GBP ${pounds(worthOf(lines))}.`;
  });
}

/** Gives the seconds since it was last asked, or made. */
function createTimer(): () => number {
  let lappedAt = performance.now();
  return () => {
    const now = performance.now();
    const seconds = (now - lappedAt) / 1_000;
    lappedAt = now;
    return seconds;
  };
}
