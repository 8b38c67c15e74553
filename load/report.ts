// `npm run report -- [--url URL] [--out FILE] --orders FILE…`: what replayed months look like in a running shop, as a page
// with pictures. Figures come from the shop's own API, dates from the files.
//
//   read dates ─► read all orders (pages of 100) ─► sum up ─► draw ─► page

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { readSettings } from '../mixins/settings.ts';
import type { Client } from './client.ts';
import { type TimelineEntry, pageOf } from './report/page.ts';
import { drawPictures } from './report/pictures.ts';
import { type OrderSeen, summarize } from './report/summary.ts';
import { partsOf, readInvoices } from './replay/invoices.ts';
import { pages } from './replay/shop.ts';
import { staffSession } from './staff.ts';
import { visit } from './visit.ts';

/** All orders of the invoices; the shop may hold others. */
async function readOrders(
  client: Client,
  token: () => Promise<string>,
  dates: ReadonlyMap<string, string>,
  progress: (done: number) => void,
): Promise<OrderSeen[]> {
  const orders: OrderSeen[] = [];
  for await (const page of pages<OrderSeen>({ client, staff: { token } }, '/api/v1/orders')) {
    orders.push(...page.filter(({ reference }) => reference !== undefined && dates.has(reference)));
    progress(orders.length);
  }
  return orders;
}

/** The first and the last, as they would be typed for people. */
function namesOf(files: readonly string[]): string {
  const names = files.map((file) => basename(file));
  return names.length <= 2 ? names.join(' ') : `${names.at(0)} … ${names.at(-1)}`;
}

function report(url: string, files: readonly string[], out: string, command: string): Promise<void> {
  return visit(url, async (client, progress) => {
    const dates = new Map<string, string>();
    for (const file of files)
      for (const invoice of await readInvoices(file))
        if (partsOf(invoice).ordered.length > 0) dates.set(invoice.invoiceNo, invoice.date);
    const token = staffSession(client);
    const orders = await readOrders(client, token, dates, (done) => progress.show('reading orders', done, dates.size));
    progress.end();
    const summary = summarize(orders, dates);
    if (summary.largest === undefined)
      throw new Error(`${url} has no order of these files: replay them first (npm run replay -- --orders FILE…)`);
    const { items: timeline } = await client.expect<{ items: readonly TimelineEntry[] }>(
      [200],
      `/api/v1/orders/${summary.largest.order.id}/timeline`,
      { token: await token() },
    );
    const pictures = basename(out, '.md');
    const folder = join(dirname(out), pictures);
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(await drawPictures(summary, orders)))
      await writeFile(join(folder, name), text);
    await writeFile(out, pageOf({ summary, timeline, pictures, command }));
    console.log(`${summary.all.orders} orders of ${summary.months.length} months: ${out}, pictures in ${folder}.`);
  });
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: `http://127.0.0.1:${readSettings(process.env).port}` },
      orders: { type: 'string', multiple: true },
      out: { type: 'string', default: 'docs/months.md' },
    },
  });
  const files = [...(values.orders ?? []), ...positionals];
  if (files.length === 0) throw new Error('which months? Give the files of their invoices: --orders FILE…');
  await report(values.url, files, values.out, `npm run report -- --orders ${namesOf(files)}`);
} catch (error) {
  console.error(`Report: ${(error as Error).message}`);
  process.exitCode = 1;
}
