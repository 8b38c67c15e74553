// A file of 100 MB through the gateway of a shop in a process of its own, as its users start it: its memory does not grow
// with the file, neither when it goes in nor when it comes out.
//
//   20 MB ─► the memory that an import needs, whatever its size      100 MB, and all of it out and in again ─► no more

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { json, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { commandLine, memoryOf, treeOf } from '../infra/local/process-tree.ts';
import { type ShopProcess, startShopProcess } from '../infra/local/shop-process.ts';
import { itWhere } from '../infra/toolchain/it-where.ts';
import type { ImportReport } from './products/import.ts';

const MB = 1_000_000;
/** How far a measured peak may lie above another one of the same work: garbage that was not collected yet. */
const SLACK = 40 * MB;
const SAMPLE_MS = 50;
/** Products that a shop starts with. */
const SAMPLE_CATALOGUE = 3_619;
const admin = { email: 'admin@shop.example', password: 'a password for tests' };

let folder: string;
let shop: ShopProcess;
let authorization: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-import-'));
  const environment = { ADMIN_EMAIL: admin.email, ADMIN_PASSWORD: admin.password };
  shop = await startShopProcess({ dataDir: folder, environment, log: () => {} });
  const login = await fetch(`${shop.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(admin),
  });
  authorization = `Bearer ${((await login.json()) as { accessToken: string }).accessToken}`;
});
afterAll(async () => {
  await shop?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Rows of 4 kB, in threes: a new product, a row that is refused, and the product again, which changes nothing. */
function* file(bytes: number, word: string): Generator<string> {
  const about = 'Told at <b>length</b>, in ""several""\nlines, and in caf\u00e9s.\n'.repeat(72);
  yield 'sku,name,description,category,price,currency,stock\n';
  for (let i = 0, sent = 0; sent < bytes; i++) {
    const n = Math.floor(i / 3);
    const price = i % 3 === 1 ? '' : '2.55';
    const row = `${word}-${n},"Thing ${n}","${about}",Shelf/${n % 50},${price},GBP,${n % 7}\n`;
    sent += Buffer.byteLength(row);
    yield row;
  }
}

function open(method: string, path: string): ReturnType<typeof request> {
  const headers = { Authorization: authorization, ...(method === 'POST' ? { 'Content-Type': 'text/csv' } : {}) };
  return request(shop.url + path, { method, headers });
}

async function answered(call: ReturnType<typeof request>): Promise<IncomingMessage> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    call.once('response', resolve).once('error', reject);
  });
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode}: ${await text(answer)}`);
  return answer;
}

async function upload(content: Readable): Promise<ImportReport> {
  const call = open('POST', '/api/v1/products/import');
  const [answer] = await Promise.all([answered(call), pipeline(content, call)]);
  return (await json(answer)) as ImportReport;
}

/** The node process among those that `npm start` is made of. */
function isShop(pid: number): boolean {
  const [program = '', ...words] = commandLine(pid);
  return program.endsWith('node') && words.some((word) => word.endsWith('infra/local/start.ts'));
}

/** What the work led to, and the largest memory of the shop's own process meanwhile, in bytes. */
async function peakOf<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly peak: number }> {
  const pid = treeOf(shop.pid).find(isShop) ?? 0;
  let peak = memoryOf(pid);
  const timer = setInterval(() => (peak = Math.max(peak, memoryOf(pid))), SAMPLE_MS);
  const result = await work().finally(() => clearInterval(timer));
  if (peak === 0) throw new Error('the memory of the shop cannot be read');
  return { result, peak };
}

const itWhereMeasured = itWhere(existsSync('/proc/self/smaps_rollup'), 'memory is read from /proc');

describe('an import of 100 MB', () => {
  itWhereMeasured('takes no more memory than one of 20 MB, nor does what goes out and in again', async () => {
    const importing = (bytes: number, word: string) => peakOf(() => upload(Readable.from(file(bytes, word))));
    const outAndIn = () =>
      peakOf(async () => upload(await answered(open('GET', '/api/v1/products/export?format=csv').end())));
    const small = await importing(20 * MB, 'small');
    const outSmall = await outAndIn();
    // Somebody who takes a file and then stands still holds up nobody, and gets all of it in the end.
    const standing = await answered(open('GET', '/api/v1/products/export?format=csv').end());
    const large = await importing(100 * MB, 'large');
    const outLarge = await outAndIn();
    const late = await text(standing);

    const { accepted, rejected, errors } = large.result;
    const rows = accepted + rejected;
    expect(rows).toBeGreaterThan(20_000);
    expect(rejected).toBe(Math.floor((rows + 1) / 3));
    expect(errors).toHaveLength(1_000);
    // Each row ends 145 lines after it began, most of them within its description.
    expect(errors[1]).toMatchObject({ line: 2 + 4 * 145, code: 'missing-price' });
    const madeBefore = Math.ceil((small.result.accepted + small.result.rejected) / 3);
    const made = madeBefore + Math.ceil(rows / 3);
    expect(outLarge.result).toMatchObject({ accepted: made + SAMPLE_CATALOGUE, rejected: 0 });
    expect(standing.complete).toBe(true);
    expect(new Set(late.match(/^small-\d+,/gm)).size).toBe(madeBefore);
    expect(late.match(/^small-\d+,/gm)).toHaveLength(madeBefore);
    expect(large.peak).toBeLessThan(small.peak + SLACK);
    expect(outLarge.peak).toBeLessThan(outSmall.peak + SLACK);
  });
});
