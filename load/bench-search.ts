// `npm run bench:search [-- --products N --queries N --seed S --json FILE --url URL]`: how long a search takes through HTTP
// in a catalogue of 100,000 products, one caller, facets included. Brings up a shop of its own and takes it down; with
// `--url` it searches a running one, whose products it adds to.
//
//   import ──► each kind of query, every one of them new to the shop ──► p50, p99 ──► the same once more, while nothing changes
//
// Exit status 1 when a median is above its limit.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { treeOf } from '../infra/local/process-tree.ts';
import { startShopProcess } from '../infra/local/shop-process.ts';
import { numbersFrom, oneOf, sampleProducts, type SampleProduct, toCsv } from './bench/catalogue.ts';
import { type Client, createClient } from './client.ts';
import { staffSession } from './staff.ts';

/** The median of every kind of search, in milliseconds. */
const P50_MAX_MS = 20;
const IMPORT_ROWS = 10_000;
const TICK_MS = 10;
/** Words from so many letters on are mistyped by people, and recognised. */
const TYPO_LENGTH_MIN = 5;

interface Row {
  readonly what: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly limit?: number;
  /** Processor time of the shop and its servers for each; what it would take on a machine that nobody else uses. */
  readonly cpu?: number;
}

type Query = Readonly<Record<string, string>>;

/** What people type, drawn from what there is: frequent words are asked for frequently. */
function queriesOf(products: readonly SampleProduct[], next: () => number): Readonly<Record<string, () => Query>> {
  const product = () => oneOf(products, next);
  const wordsOf = ({ name }: SampleProduct) => name.split(/[^A-Za-z]+/).filter((word) => word.length > 2);
  const word = (lengthMin = 3): string => {
    for (;;) {
      const words = wordsOf(product()).filter(({ length }) => length >= lengthMin);
      if (words.length > 0) return oneOf(words, next).toLowerCase();
    }
  };
  const words = (count: number): string => {
    for (;;) {
      const all = [...new Set(wordsOf(product()))];
      if (all.length >= count) return all.slice(0, count).join(' ').toLowerCase();
    }
  };
  const typed = (lengthMin: number): string => {
    const whole = word(lengthMin + 1);
    return whole.slice(0, lengthMin + Math.floor(next() * (whole.length - lengthMin)));
  };
  const mistyped = (): string => {
    const letters = Array.from(word(TYPO_LENGTH_MIN));
    const at = 1 + Math.floor(next() * (letters.length - 2));
    const [letter = '', following = ''] = letters.slice(at, at + 2);
    letters.splice(
      at,
      2,
      ...oneOf([[following, letter], [following], [letter, letter, following], ['q', following]], next),
    );
    return letters.join('');
  };
  return {
    'a word': () => ({ q: word() }),
    'two words': () => ({ q: words(2) }),
    'three words': () => ({ q: words(3) }),
    'a beginning of three letters or more': () => ({ q: typed(3) }),
    'a word and two letters of the next': () => ({ q: words(2).replace(/( ..).*$/, '$1') }),
    'a mistyped word': () => ({ q: mistyped() }),
    'a word and a mistyped one': () => ({ q: `${word()} ${mistyped()}` }),
    'a SKU': () => ({ q: product().sku }),
    'a word in a category': () => ({ q: word(), category: product().category.split('/')[0] ?? '' }),
    'a word from £2 to £5, by price': () => ({ q: word(), priceFrom: '2', priceTo: '5', sort: 'price' }),
    'a word, by name': () => ({ q: word(), sort: 'name' }),
    'a word, without facets': () => ({ q: word(), facets: 'false' }),
  };
}

/** Kinds that are shown for what they cost, without a limit. */
const unlimited: Readonly<Record<string, () => Query>> = {
  ...Object.fromEntries(['s', 'b'].map((letter) => [`the one letter "${letter}"`, () => ({ q: letter })])),
  'facets of everything': () => ({ facets: 'true' }),
};

async function time(client: Client, query: Query): Promise<number> {
  const path = `/api/v1/products?${new URLSearchParams(query).toString()}`;
  const startedAt = performance.now();
  await client.expect([200], path);
  return performance.now() - startedAt;
}

/** Milliseconds of processor time that a process and all below it have used (Linux; elsewhere none is told). */
function cpuOf(pid: number | undefined): number | undefined {
  if (pid === undefined || process.platform !== 'linux') return undefined;
  let ticks = 0;
  for (const one of treeOf(pid)) {
    try {
      const fields = readFileSync(`/proc/${one}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has just ended.
    }
  }
  return ticks * TICK_MS;
}

function summary(what: string, times: readonly number[], limit?: number, cpuMs?: number): Row {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const cpu = cpuMs === undefined ? undefined : Math.max(0, cpuMs) / times.length;
  const row = {
    what,
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    ...(limit === undefined ? {} : { limit }),
    ...(cpu === undefined ? {} : { cpu }),
  };
  const [p50, p99, max] = [row.p50, row.p99, row.max].map((ms) => ms.toFixed(1).padStart(7));
  const used = cpu === undefined ? '' : `  cpu ${cpu.toFixed(1).padStart(6)}`;
  const bar = limit === undefined ? '' : `   limit of p50 ${limit}`;
  console.log(`  ${what.padEnd(46)} p50 ${p50}  p99 ${p99}  max ${max}${used} ms${bar}`);
  return row;
}

interface Options {
  readonly products: number;
  readonly queries: number;
  readonly seed: number;
}

async function measure(
  client: Client,
  token: () => Promise<string>,
  options: Options,
  pid?: number,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const show = async (what: string, queries: readonly Query[], limit?: number): Promise<void> => {
    const before = cpuOf(pid);
    const times: number[] = [];
    for (const query of queries) times.push(await time(client, query));
    rows.push(summary(what, times, limit, before === undefined ? undefined : (cpuOf(pid) ?? 0) - before));
  };
  const next = numbersFrom(options.seed);
  const products = await sampleProducts(options.products, next);
  const importedAt = performance.now();
  for (let from = 0; from < products.length; from += IMPORT_ROWS) {
    const content = toCsv(products.slice(from, from + IMPORT_ROWS));
    await client.expect([200], '/api/v1/products/import', {
      method: 'POST',
      raw: { type: 'text/csv', content },
      token: await token(),
      isHarmless: true,
    });
  }
  const importSeconds = (performance.now() - importedAt) / 1_000;
  console.log(`  ${products.length.toLocaleString('en')} products imported in ${importSeconds.toFixed(1)} s`);

  const bySku = Array.from({ length: options.queries }, () => ({ sku: oneOf(products, next).sku }));
  await show('beside it: one product by ?sku=', bySku);
  const asked: Query[] = [];
  for (const [what, query] of Object.entries(queriesOf(products, next))) {
    const distinct = new Map<string, Query>();
    // Frequent words are drawn again and again; an answer that is kept would flatter the figure.
    for (let i = 0; distinct.size < options.queries && i < options.queries * 20; i++) {
      const drawn = query();
      distinct.set(JSON.stringify(drawn), drawn);
    }
    await show(what, [...distinct.values()], P50_MAX_MS);
    asked.push(...[...distinct.values()].slice(-20));
  }
  for (const [what, query] of Object.entries(unlimited)) await show(what, [query()]);
  for (const query of asked) await time(client, query);
  await show('the same again, nothing changed meanwhile', asked, P50_MAX_MS);
  return rows;
}

async function measureOwn(options: Options): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'souk-bench-search-'));
  const shop = await startShopProcess({ dataDir: folder, log: () => {} });
  const client = createClient(shop.url);
  try {
    return await measure(client, staffSession(client, { ...process.env, DATA_DIR: folder }), options, shop.pid);
  } finally {
    client.close();
    await shop.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAt(url: string, options: Options): Promise<readonly Row[]> {
  const client = createClient(url);
  try {
    return await measure(client, staffSession(client), options);
  } finally {
    client.close();
  }
}

try {
  const { values } = parseArgs({
    options: {
      products: { type: 'string', default: '100000' },
      queries: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      json: { type: 'string' },
      url: { type: 'string' },
    },
  });
  const options = { products: Number(values.products), queries: Number(values.queries), seed: Number(values.seed) };
  const rows = await (values.url === undefined ? measureOwn(options) : measureAt(values.url, options));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ at: new Date().toISOString(), ...options, rows }, undefined, 2)}\n`);
  const above = rows.filter(({ p50, limit }) => limit !== undefined && p50 > limit);
  console.log(`Bench: ${rows.length} kinds of search, ${above.length} with a median above ${P50_MAX_MS} ms.`);
  process.exitCode = above.length === 0 ? 0 : 1;
} catch (error) {
  console.error(`Bench: ${(error as Error).stack}`);
  process.exitCode = 1;
}
