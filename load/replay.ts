// `npm run replay -- [--url URL] [--orders FILE…]`: pours a retailer's invoices into a running shop, as its customers would,
// and compares what the shop then answers with the file. Running it again changes nothing; a kill in between costs nothing.
//
//   read ─► import products ─► place orders ─► compare ─► equal, or a list of differences and exit status 1

import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { createClient } from './client.ts';
import { createProgress } from './progress.ts';
import { compare } from './replay/compare.ts';
import { type Invoice, type InvoiceLine, readInvoices, splitSales } from './replay/invoices.ts';
import { placeOrders } from './replay/orders.ts';
import { importProducts, productsOf } from './replay/products.ts';
import { staffSession } from './staff.ts';

/** The day that ships with the repository. */
const ONE_DAY = fileURLToPath(new URL('../infra/local/catalogue/online-retail-2010-12-01.csv.gz', import.meta.url));
const DIFFERENCES_SHOWN = 50;

async function replay(url: string, files: readonly string[]): Promise<boolean> {
  const client = createClient(url);
  const progress = createProgress(process.stdout);
  try {
    const invoices: Invoice[] = [];
    for (const file of files) invoices.push(...(await readInvoices(file)));
    const { sales, others } = splitSales(invoices);
    const products = productsOf(sales);
    console.log(`${invoices.length} invoices: ${sales.length} sales of ${products.length} products. Shop: ${url}`);
    if (others.length > 0)
      console.log(
        `Not replayed: ${others.length} lines that are no sale (cancellations, corrections), sum ${describe(others.map(({ line }) => line))}.`,
      );

    const token = staffSession(client);
    const ids = await importProducts(client, token, products, (done) =>
      progress.show('importing products', done, products.length),
    );
    const startedAt = performance.now();
    const { placed, known } = await placeOrders(client, token, sales, ids, (done) =>
      progress.show('placing orders', done, sales.length),
    );
    const seconds = (performance.now() - startedAt) / 1000;
    const found = await compare(client, token, sales, products, (done) =>
      progress.show('comparing with the file', done, sales.length + products.length),
    );
    progress.end();

    console.log(`${placed} orders placed in ${seconds.toFixed(1)} s, ${known} were there already.`);
    for (const difference of found.differences.slice(0, DIFFERENCES_SHOWN)) console.log(`  ≠ ${difference}`);
    if (found.differences.length > DIFFERENCES_SHOWN)
      console.log(`  … and ${found.differences.length - DIFFERENCES_SHOWN} more`);
    const verdict = found.differences.length === 0 ? 'equal to the file' : `${found.differences.length} differences`;
    console.log(
      `Replay: ${found.orders} orders, ${found.lines} lines, ${found.units} pieces, GBP ${found.total}: ${verdict}.`,
    );
    return found.differences.length === 0;
  } finally {
    progress.end();
    client.close();
  }
}

function describe(lines: readonly InvoiceLine[]): string {
  return `${lines.reduce((sum, { quantity }) => sum + quantity, 0)} pieces`;
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: `http://127.0.0.1:${process.env.PORT ?? '3000'}` },
      orders: { type: 'string', multiple: true },
    },
  });
  const files = [...(values.orders ?? []), ...positionals];
  process.exitCode = (await replay(values.url, files.length === 0 ? [ONE_DAY] : files)) ? 0 : 1;
} catch (error) {
  console.error(`Replay: ${(error as Error).message}`);
  process.exitCode = 1;
}
