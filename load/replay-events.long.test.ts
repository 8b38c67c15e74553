// Goal: a click stream that goes through the gateway comes out as its answers, in whatever order it arrived, however often
// it is sent; and one that this shop's time cannot take is refused before anything of it is sent.
// Method: the replay against whole shops of the embedded mode; the command itself where the exit status is what counts.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../infra/local/processes.ts';
import { startTestShop, type TestShop, until } from '../infra/local/shop.fixture.ts';
import { startShopProcess } from '../infra/local/shop-process.ts';
import { itWhere } from '../infra/toolchain/it-where.ts';
import { type Client, createClient } from './client.ts';
import { type EventsReplay, replayEvents } from './replay/events.ts';
import { staffSession } from './staff.ts';

const DATASETS = process.env['DATASETS_DIR'] ?? fileURLToPath(new URL('../../shared/data', import.meta.url));
const CLICKS = join(DATASETS, 'clickstream', 'rees46-events.csv.gz');
const ARRIVAL = join(DATASETS, 'clickstream', 'rees46-arrival-order.csv.gz');
const SALES = join(DATASETS, 'orders', 'online-retail-2010-12.csv.gz');
const SALES_ORACLE = join(DATASETS, 'clickstream', 'online-retail-2010-12-05-oracle-windows.csv.gz');
const itWithClicks = itWhere(existsSync(CLICKS), 'the click stream is not in DATASETS_DIR');
const itWithSales = itWhere(existsSync(SALES), 'the invoices are not in DATASETS_DIR');

let folder: string;
let shop: TestShop;
let client: Client;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-events-'));
  shop = await startTestShop({ settings: { activityHeartbeatMs: 0 } });
  client = createClient(shop.url);
});
afterAll(async () => {
  client.close();
  await shop.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A file in a folder of its own, so that nothing stands beside it by chance. */
function fileOf(text: string, name = 'clicks.csv'): string {
  const path = join(mkdtempSync(join(folder, 'files-')), name);
  writeFileSync(path, text);
  return path;
}

/** Products `other-0` and on that are in every partition of the topic. */
const OTHERS = 40;
const HEAD = 'event_id,event_time,event_type,product_id,brand,user_id\n';
/** So many events, a second apart, of two users and a few products of their own. */
function clicks(from: string, count: number, product = randomUUID()): string {
  const rows = Array.from({ length: count }, (_, i) => {
    const at = new Date(Date.parse(from) + i * 1_000).toISOString();
    return `${product}-${i},${at},view,${product}-${i % 3},,user-${i % 2}\n`;
  });
  return HEAD + rows.join('');
}

async function replay(file: string, options: Partial<EventsReplay> = {}, over = { shop, client }) {
  const said: string[] = [];
  const isEqual = await replayEvents(over.client, {
    file,
    token: () => Promise.resolve(over.shop.staff.token),
    progress: { show: () => {}, end: () => {} },
    say: (line) => said.push(line),
    ...options,
  });
  return { isEqual, said, last: said.at(-1) };
}

const ready = (of = shop) => of.expect(200, 'GET /health/ready');
const counters = async (of = shop) => (await ready(of)).checks.analytics.events;

// Time goes one way in a shop, so these come in the order of their events.
describe('a shared stream', () => {
  itWithSales('of purchases, made of a day of invoices, comes out as its answers', async () => {
    const { isEqual, said, last } = await replay(SALES, { day: '2010-12-05', oracle: SALES_ORACLE });
    expect([said, isEqual]).toEqual([said, true]);
    expect(last).toBe(
      'Replay: 2708 events, 2708 counted, 0 late, 2513 windows: equal to online-retail-2010-12-05-oracle-windows.csv.gz.',
    );
  });

  const EQUAL = 'Replay: 9233 events, 9233 counted, 0 late, 7377 windows: equal to rees46-oracle-windows.csv.gz.';

  itWithClicks('in the order of the file comes out as its answers', async () => {
    const { isEqual, said, last } = await replay(CLICKS);
    expect([said, isEqual, last]).toEqual([said, true, EQUAL]);
  });

  itWithClicks('in the order of its arrival comes out as its answers', async () => {
    const another = await startTestShop({ settings: { activityHeartbeatMs: 0 } });
    const over = { shop: another, client: createClient(another.url) };
    try {
      const { isEqual, said, last } = await replay(CLICKS, { arrival: ARRIVAL }, over);
      expect([said, isEqual, last]).toEqual([said, true, EQUAL]);
      expect(await counters(another)).toEqual({ accepted: 9233, counted: 9233, late: 0, malformed: 0, duplicates: 0 });
      // As if the file's order were one of another day: this shop's time is past it.
      await expect(replay(CLICKS, {}, over)).rejects.toThrow(/watermark.* is 2019-10-01T02:36:00.000Z/);
    } finally {
      over.client.close();
      await another.stop();
    }
  });
});

describe('a stream', () => {
  it('that was replayed before changes nothing', async () => {
    const file = fileOf(clicks('2020-01-01T00:00:30Z', 150));
    const first = await replay(file);
    expect(first).toMatchObject({
      isEqual: true,
      last: 'Replay: 150 events, 150 counted, 0 late, 9 windows: equal to clicks.csv.',
    });
    const before = await counters();
    const second = await replay(file);
    expect(second).toMatchObject({ isEqual: true, last: first.last });
    expect(second.said[0]).toMatch(/taken some of them before: going on\.$/);
    expect(await counters()).toEqual(before);
  });

  it.each([1, 2, 3])('that was cut off at request %i goes on where it was', async (requests) => {
    const file = fileOf(clicks(`2020-02-0${requests}T00:00:00Z`, 1_300));
    let left = requests;
    const cut: Client = {
      ...client,
      async expect(statuses, path, options) {
        const answer = await client.expect(statuses, path, options);
        // The answer is lost with the command.
        if (path === '/api/v1/events' && --left === 0) throw new Error('killed');
        return answer as never;
      },
    };
    const before = await counters();
    await expect(replay(file, {}, { shop, client: cut })).rejects.toThrow('killed');
    const { isEqual, said } = await replay(file);
    expect([said, isEqual]).toEqual([said, true]);
    const after = await counters();
    expect(after).toEqual({ ...before, accepted: before.accepted + 1_300, counted: before.counted + 1_300 });
  });

  it('goes on over a shop that is killed under it', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'souk-events-shop-'));
    const port = await freePort();
    const start = () =>
      startShopProcess({ dataDir, port, environment: { ACTIVITY_HEARTBEAT_SECONDS: '0' }, log: () => {} });
    let killed = await start();
    const patient = createClient(killed.url);
    let requests = 0;
    const over: Client = {
      ...patient,
      async expect(statuses, path, options) {
        const answering = patient.expect(statuses, path, options);
        if (path === '/api/v1/events' && ++requests === 3) {
          await killed.kill('tree');
          killed = await start();
        }
        return (await answering) as never;
      },
    };
    try {
      const token = staffSession(patient, { DATA_DIR: dataDir });
      const { isEqual, said } = await replay(
        fileOf(clicks('2020-01-01T00:00:00Z', 2_200)),
        { token },
        { shop, client: over },
      );
      expect([said, isEqual]).toEqual([said, true]);
    } finally {
      patient.close();
      await killed.kill('tree');
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('is read while it is sent where a product has more windows than one answer holds', async () => {
    // Some product in every partition, so that time passes in all of them.
    const from = Date.parse('2020-03-01T00:00:00Z');
    const products = ['bag', ...Array.from({ length: OTHERS }, (_, i) => `other-${i}`)];
    const rows = Array.from({ length: 260 }, (_, minute) =>
      products.map((product, i) => {
        const at = new Date(from + minute * 60_000 + i * 1_000).toISOString();
        return `${product}-${minute},${at},view,${product},,u\n`;
      }),
    );
    const { isEqual, said, last } = await replay(fileOf(HEAD + rows.flat().join('')));
    expect([said, isEqual]).toEqual([said, true]);
    expect(last).toMatch(/10660 counted, 0 late, 10660 windows: equal/);
  });

  it('that differs from its oracle is told by every difference', async () => {
    const file = fileOf(
      `${HEAD}a,2020-04-01T00:00:10Z,view,cup,,ann\nb,2020-04-01T00:00:20Z,cart,cup,,bob\nc,2020-04-01T00:01:00,view,pot,,bob\n`,
      'day-events.csv',
    );
    const oracle = `window_start,product_id,unique_users,events\n2020-04-01T00:00:00,cup,1,2\n2020-04-01T00:00:00Z,pan,1,1\n`;
    writeFileSync(file.replace('day-events', 'day-oracle-windows'), oracle);
    const { isEqual, said, last } = await replay(file);
    expect(isEqual).toBe(false);
    expect(said.filter((line) => line.includes('≠'))).toEqual([
      '  ≠ product cup, window 2020-04-01T00:00:00.000Z: 2 users and 2 events, expected 1 users and 2 events',
      '  ≠ product pan, window 2020-04-01T00:00:00.000Z: no window, expected 1 users and 1 events',
      '  ≠ product pot, window 2020-04-01T00:01:00.000Z: 1 users and 1 events, expected no window',
    ]);
    expect(last).toBe('Replay: 3 events, 3 counted, 0 late, 2 windows: 3 differences from day-oracle-windows.csv.');
  });

  it('with events that come too late says how many, and which windows lack them', async () => {
    const others = Array.from({ length: 600 }, (_, i) => {
      const at = new Date(Date.parse('2020-05-01T01:00:00Z') + i * 1_000).toISOString();
      return `o-${i},${at},view,other-${i % OTHERS},,u\n`;
    });
    const [early, late] = ['a,2020-05-01T00:00:00Z,view,p,,ann\n', 'b,2020-05-01T00:00:10Z,view,p,,bob\n'];
    let accepted = (await counters()).accepted;
    const patient: Client = {
      ...client,
      async expect(statuses, path, options) {
        const answer = await client.expect(statuses, path, options);
        // What was sent has passed time on before more is sent.
        if (path === '/api/v1/events') {
          accepted += (answer as { accepted: number }).accepted;
          await until('all is taken', async () => (await counters()).accepted === accepted);
        }
        return answer as never;
      },
    };
    const file = fileOf(HEAD + early + others.join('') + late);
    const { isEqual, said, last } = await replay(file, {}, { shop, client: patient });
    expect(isEqual).toBe(false);
    expect(last).toMatch(/^Replay: 602 events, 601 counted, 1 late, /);
    expect(said.filter((line) => line.includes('≠'))).toEqual([
      '  ≠ product p, window 2020-05-01T00:00:00.000Z: 1 users and 1 events, expected 2 users and 2 events',
    ]);
  });
});

describe('is refused, and nothing sent,', () => {
  it('a stream that begins before the shop’s event time, with both times', async () => {
    const before = await counters();
    await shop.expect(204, 'POST /api/v1/events/flush', {
      token: shop.staff.token,
      body: { until: '2021-01-01T00:00:00Z' },
    });
    await until('time has passed', async () => (await ready()).activity.watermark === '2021-01-01T00:00:00.000Z');
    const wish = replay(fileOf(clicks('2020-12-31T23:59:00Z', 5)));
    await expect(wish).rejects.toThrow(
      /watermark\) is 2021-01-01T00:00:00.000Z, past the first event of clicks.csv at 2020-12-31T23:59:00.000Z/,
    );
    await expect(wish).rejects.toThrow(/ACTIVITY_HEARTBEAT_SECONDS=0/);
    expect(await counters()).toEqual(before);
  });

  it('a stream with bad rows, by their lines', async () => {
    const before = await counters();
    const file = fileOf(
      `${HEAD}a,2022-01-01T00:00:00Z,view,p,,u\nb,2022-02-30T00:00:00Z,view,p,,u\n"c\n",2022-01-01T00:00:00Z,view,,,u\na,2022-01-01T00:00:00Z,view,p,,u\n`,
    );
    await expect(replay(file)).rejects.toThrow(
      /3 rows are no events; nothing was sent\n {2}line 3: timestamp .*"2022-02-30T00:00:00Z"\n {2}line 5: product_id must not be empty\n {2}line 6: the event_id a stands on line 2 already$/,
    );
    expect(await counters()).toEqual(before);
  });

  it('any stream where heartbeats are on: the command names the setting and ends with 1', async () => {
    const beating = await startTestShop({ settings: { activityHeartbeatMs: 2_000 } });
    try {
      const args = ['--url', beating.url, '--events', fileOf(clicks('2022-01-01T00:00:00Z', 5))];
      const { code, said } = await command(args);
      expect(said).toMatch(
        /^Replay: .*heartbeats are on \(every 2 s\).*ACTIVITY_HEARTBEAT_SECONDS=0.*Nothing was sent$/m,
      );
      expect(code).toBe(1);
      expect(await counters(beating)).toMatchObject({ accepted: 0 });
    } finally {
      await beating.stop();
    }
  });
});

it('the command ends with 0 where all is equal, and with 1 where it is not', async () => {
  const file = fileOf(clicks('2022-06-01T00:00:00Z', 5));
  expect(await command(['--url', shop.url, '--events', file])).toMatchObject({ code: 0 });
  const oracle = fileOf('window_start,product_id,unique_users,events\n2022-06-01T00:00:00,p,1,1\n');
  expect(await command(['--url', shop.url, '--events', file, '--oracle', oracle])).toMatchObject({ code: 1 });
  const both = await command(['--url', shop.url, '--events', file, '--orders', 'invoices.csv']);
  expect(both).toEqual({ code: 1, said: expect.stringContaining('not both: invoices.csv') });
  const none = await command(['--url', shop.url, '--day', '2010-12-05']);
  expect(none).toEqual({ code: 1, said: expect.stringContaining('--events FILE, which is missing') });
});

/** `npm run replay -- …` */
function command(args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  const script = fileURLToPath(new URL('replay.ts', import.meta.url));
  const staff = { ADMIN_EMAIL: shop.staff.email, ADMIN_PASSWORD: shop.staff.password };
  return new Promise((resolve) => {
    const env = { ...process.env, ...staff, NODE_OPTIONS: '' };
    execFile(process.execPath, [script, ...args], { env }, (error, out, wrong) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: `${out}${wrong}`.trim() }),
    );
  });
}
