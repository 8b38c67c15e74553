// Activity and analytics together, over the real log: what goes in as events comes out as windows, once.
import { logMigrations } from '../../mixins/embedded-log/embedded-log.ts';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { ServiceBroker } from 'moleculer';
import { type LogNode, nodeOver } from '../../brokers/event-log.contract.ts';
import type { EventLog, LogRecord } from '../../brokers/event-log.ts';
import { partitionOf } from '../../brokers/log-appender.ts';
import { itWhere } from '../../infra/toolchain/it-where.ts';
import { postgresStorage } from '../../mixins/embedded-log/storage.ts';
import type { Platform } from '../../mixins/platform.ts';
import { testDatabase, type TestDatabase } from '../../mixins/postgres/testing.ts';
import { RequestRow } from '../activity/activity.entities.ts';
import { activityService } from '../activity/activity.service.ts';
import { Migration0001Activity } from '../activity/migrations/0001-activity.ts';
import { TallyRow, ProgressRow, TotalsRow, WindowRow } from './analytics.entities.ts';
import { analyticsService } from './analytics.service.ts';
import { Migration0001Analytics } from './migrations/0001-analytics.ts';

const CLICKSTREAM = join(
  process.env['DATASETS_DIR'] ?? join(import.meta.dirname, '../../../shared/data'),
  'clickstream',
);
const TOPIC = 'ecom-raw-events';
const DAY = Date.UTC(2019, 9, 1);
const iso = (seconds: number) => new Date(DAY + seconds * 1_000).toISOString();

interface Event {
  readonly user_id: string;
  readonly product_id: string;
  readonly event_type: string;
  readonly timestamp: string;
  readonly event_id?: string;
}

interface Node {
  readonly log: LogNode;
  readonly broker: ServiceBroker;
}

let databases: { readonly log: TestDatabase; readonly activity: TestDatabase; readonly analytics: TestDatabase };
let nodes: Node[];
/** Records whose effect is stored, by partition and offset, and who waits for how many. */
let taken: Set<string>;
let waiting: { readonly count: number; readonly resolve: () => void }[];
/** Called with every batch after its effect, on the node that had it. */
let afterEffect: (node: LogNode, records: readonly LogRecord[]) => void;

beforeEach(async () => {
  databases = {
    log: await testDatabase({ migrations: logMigrations, poolMax: 1 }),
    activity: await testDatabase({ migrations: [Migration0001Activity], entities: [RequestRow] }),
    analytics: await testDatabase({
      migrations: [Migration0001Analytics],
      entities: [WindowRow, TallyRow, ProgressRow, TotalsRow],
    }),
  };
  nodes = [];
  taken = new Set();
  waiting = [];
  afterEffect = () => {};
  await open();
});
afterEach(async () => {
  for (const { broker, log } of nodes) {
    await broker.stop();
    await log.log.close().catch(() => undefined);
  }
  await Promise.all(Object.values(databases).map((database) => database.close()));
});

/** A node with both services, whose consumers tell this test what they have done. */
async function open(): Promise<Node> {
  const log = nodeOver(await postgresStorage(await databases.log.again()));
  const watched: EventLog = {
    ...log.log,
    subscribe: (options) =>
      log.log.subscribe({
        ...options,
        async handle(records) {
          await options.handle(records);
          afterEffect(log, records);
          for (const { partition, offset } of records) taken.add(`${partition}/${offset}`);
          for (const { count, resolve } of waiting) if (taken.size >= count) resolve();
        },
      }),
  };
  const platform = {
    settings: { activityHeartbeatMs: 0 },
    log: async () => watched,
    database: ({ schema }: { schema: 'activity' | 'analytics' }) => databases[schema].again(),
    alert: () => {},
  } as unknown as Platform;
  const broker = new ServiceBroker({ logger: false, nodeID: randomUUID() });
  broker.createService(activityService(platform));
  broker.createService(analyticsService(platform));
  await broker.start();
  const node = { log, broker };
  nodes.push(node);
  return node;
}

const latest = (): Node => nodes.at(-1) as Node;
const meta = (more: object = {}) => ({ meta: { commandId: randomUUID(), fingerprint: 'f', keyed: false, ...more } });
const send = (...events: Event[]) => latest().broker.call<object, object>('activity.append', { events }, meta());
const flush = (until: string) => latest().broker.call('activity.flush', { until }, meta());
const counters = () => latest().broker.call<object, object>('analytics.counters', {});
const windowsOf = async (id: string, limit?: number) => {
  const { items } = await latest().broker.call<{ items: object[] }, object>('analytics.windows', {
    id,
    ...(limit === undefined ? {} : { limit }),
  });
  return items;
};
/** Resolves when so many records have taken effect. */
const effects = (count: number) =>
  new Promise<void>((resolve) => {
    if (taken.size >= count) resolve();
    else waiting.push({ count, resolve });
  });
const partitions = () => latest().log.log.partitions(TOPIC);
const view = (user: string, product: string, seconds: number, more: Partial<Event> = {}): Event => ({
  user_id: user,
  product_id: product,
  event_type: 'view',
  timestamp: iso(seconds),
  ...more,
});

describe('windows', () => {
  it('hold the users and events of their minute, newest first', async () => {
    await send(
      view('ann', 'cup', 0),
      view('ann', 'cup', 59.999, { event_type: 'cart' }),
      view('bob', 'cup', 30),
      view('bob', 'cup', 60),
      view('bob', 'pot', 119.999),
      view('ann', 'cup', 180),
    );
    await flush(iso(240));
    await effects(6 + partitions());

    const shown = (minute: number, uniqueUserCount: number, eventCount: number, productId = 'cup') => ({
      productId,
      windowStart: iso(minute * 60),
      windowEnd: iso(minute * 60 + 60),
      uniqueUserCount,
      eventCount,
    });
    expect(await windowsOf('cup')).toEqual([shown(3, 1, 1), shown(1, 1, 1), shown(0, 2, 3)]);
    expect(await windowsOf('cup', 2)).toEqual([shown(3, 1, 1), shown(1, 1, 1)]);
    expect(await windowsOf('pot')).toEqual([shown(1, 1, 1, 'pot')]);
    expect(await windowsOf('unknown')).toEqual([]);
  });

  it('close when the slowest partition has passed them, by events alone', async () => {
    const all = partitions();
    // One product in each partition.
    const products = Array.from({ length: all }, (_, partition) => {
      for (let n = 0; ; n++) if (partitionOf(`p-${n}`, all) === partition) return `p-${n}`;
    });
    const [first = '', ...others] = products;
    await send(...products.map((product) => view('ann', product, 10)));
    await send(...others.map((product) => view('ann', product, 500)), view('ann', first, 69.999));
    await effects(2 * all);
    expect(await windowsOf(first)).toEqual([]);
    expect(await latest().broker.call('analytics.watermark', {})).toEqual({ watermark: iso(59.999) });

    await send(view('ann', first, 70));
    await effects(2 * all + 1);
    expect(await windowsOf(first)).toMatchObject([{ windowStart: iso(0), eventCount: 1 }]);
    expect(await windowsOf(others[0] as string)).toMatchObject([{ windowStart: iso(0), eventCount: 1 }]);
    const ready = await latest().broker.call('activity.ready', {});
    expect(ready).toEqual({ ready: true, heartbeatSeconds: 0, watermark: iso(60) });
  });

  it('count an id once, and equal events with different ids each', async () => {
    await send(view('ann', 'cup', 1, { event_id: 'x' }), view('bob', 'cup', 1, { event_id: 'x' }));
    await send(
      view('ann', 'cup', 1, { event_id: 'x' }),
      view('ann', 'cup', 1),
      view('ann', 'cup', 1),
      view('ann', 'pot', 1, { event_id: 'x' }),
    );
    await flush(iso(60));
    await effects(6 + partitions());
    expect(await windowsOf('cup')).toMatchObject([{ uniqueUserCount: 1, eventCount: 3 }]);
    expect(await windowsOf('pot')).toMatchObject([{ uniqueUserCount: 1, eventCount: 1 }]);
    expect(await counters()).toEqual({ accepted: 6, counted: 4, late: 0, malformed: 0, duplicates: 2 });
  });

  it('take no event after they were closed: it is late', async () => {
    await send(view('ann', 'cup', 59));
    await flush(iso(60));
    await effects(1 + partitions());
    await send(view('bob', 'cup', 59.999), view('bob', 'cup', 60));
    await flush(iso(120));
    await effects(3 + 2 * partitions());
    expect(await windowsOf('cup')).toMatchObject([
      { windowStart: iso(60), eventCount: 1 },
      { windowStart: iso(0), uniqueUserCount: 1, eventCount: 1 },
    ]);
    expect(await counters()).toEqual({ accepted: 3, counted: 2, late: 1, malformed: 0, duplicates: 0 });
  });

  it('stay as they are when the log is read again from its beginning', async () => {
    await send(view('ann', 'cup', 1), view('bob', 'cup', 2), view('bob', 'pot', 61));
    await flush(iso(60));
    await effects(3 + partitions());
    const before = [await windowsOf('cup'), await counters()];
    let again = 0;
    const reread = new Promise<void>((resolve) => {
      afterEffect = (_, records) => {
        again += records.length;
        if (again === 3 + partitions()) resolve();
      };
    });
    for (let partition = 0; partition < partitions(); partition++)
      await latest().log.log.seek('analytics', TOPIC, partition, 0);
    await reread;
    expect([await windowsOf('cup'), await counters()]).toEqual(before);
  });
});

const hasData = existsSync(join(CLICKSTREAM, 'rees46-events.csv.gz'));
const itWithData = itWhere(hasData, 'the click stream is not in DATASETS_DIR');
const rows = (file: string): Record<string, string>[] =>
  parse(gunzipSync(readFileSync(join(CLICKSTREAM, file))), { columns: true });

/** The click stream in the order in which it could have arrived. */
function arrivals(): Event[] {
  const byId = new Map(rows('rees46-events.csv.gz').map((row) => [row['event_id'], row]));
  return rows('rees46-arrival-order.csv.gz').map(({ event_id }) => {
    const { event_time = '', user_id = '', product_id = '', event_type = '' } = byId.get(event_id) ?? {};
    return { user_id, product_id, event_type, timestamp: event_time };
  });
}

function expectedWindows(): string[] {
  return rows('rees46-oracle-windows.csv.gz')
    .map(({ window_start, product_id, unique_users, events }) =>
      [new Date(window_start ?? '').toISOString(), product_id, unique_users, events].join(),
    )
    .toSorted();
}

async function storedWindows(): Promise<string[]> {
  const found = await databases.analytics.em().find(WindowRow, {});
  return found
    .map(({ windowStart, productId, uniqueUsers, events }) =>
      [windowStart.toISOString(), productId, uniqueUsers, events].join(),
    )
    .toSorted();
}

async function sendAll(events: readonly Event[]): Promise<void> {
  for (let i = 0; i < events.length; i += 100) await send(...events.slice(i, i + 100));
}

describe('a real click stream', () => {
  itWithData('comes out as the windows of its answers', async () => {
    const events = arrivals();
    await sendAll(events);
    await flush('2019-10-01T02:36:00Z');
    await effects(events.length + partitions());
    expect(await storedWindows()).toEqual(expectedWindows());
    expect(await counters()).toEqual({
      accepted: events.length,
      counted: events.length,
      late: 0,
      malformed: 0,
      duplicates: 0,
    });
    expect(await databases.analytics.em().getConnection().execute('select count(*)::int n from events')).toEqual([
      { n: 0 },
    ]);
  });

  itWithData('comes out the same when nodes die between an effect and its acknowledgement', async () => {
    const events = arrivals();
    const deaths = [2_000, 5_000, 8_000];
    let recovered: Promise<unknown> = Promise.resolve();
    afterEffect = (log) => {
      if (taken.size < (deaths[0] ?? Number.POSITIVE_INFINITY)) return;
      deaths.shift();
      log.kill();
      recovered = open();
      throw new Error('died before it could say that it was done');
    };
    // What a dying node did not answer is sent again, under its command id.
    const insist = async (action: string, params: object) => {
      for (const again = meta(); ; ) {
        await recovered;
        const failed = await latest()
          .broker.call(action, params, again)
          .then(
            () => undefined,
            ({ code }: { code: number }) => code,
          );
        if (failed === undefined) return;
        expect(failed).toBe(503);
      }
    };
    for (let i = 0; i < events.length; i += 100) await insist('activity.append', { events: events.slice(i, i + 100) });
    await insist('activity.flush', { until: '2019-10-01T02:36:00Z' });
    await effects(events.length + partitions());
    expect(deaths).toEqual([]);
    expect(await storedWindows()).toEqual(expectedWindows());
    expect(await counters()).toEqual({
      accepted: events.length,
      counted: events.length,
      late: 0,
      malformed: 0,
      duplicates: 0,
    });
  });
});
