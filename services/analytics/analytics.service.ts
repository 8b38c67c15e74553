// Analytics of the embedded mode: how many users and events each product had, minute by minute, by the time of the events.
//
//   ecom-raw-events (log) ─► windows.ts ─► closed windows ─► GET /analytics/products/{id}

import type { Context } from 'moleculer';
import type { Subscription } from '../../brokers/event-log.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { TallyRow, ProgressRow, TotalsRow, WindowRow } from './analytics.entities.ts';
import { WINDOW_MS, watermarkOf } from './event-time.ts';
import { Migration0001Analytics } from './migrations/0001-analytics.ts';
import { openWindows } from './windows.ts';

const TOPIC = 'ecom-raw-events';
/** Records of one partition at a time: all partitions share a statement, so each brings its part. */
const BATCH_MAX = 1_000;
const LIMIT = 10;

interface Analytics {
  database: Database;
  subscription: Subscription;
}

/** The analytics service; opens its tables when it starts. */
export const analyticsService = (platform: Platform): SchemaOf<Analytics> => ({
  name: 'analytics',

  async started(this: Analytics) {
    this.database = await platform.database({
      schema: 'analytics',
      entities: [WindowRow, TallyRow, ProgressRow, TotalsRow],
      migrations: [Migration0001Analytics],
    });
    const log = await platform.log();
    const windows = await openWindows(this.database.lane(), log.partitions(TOPIC));
    this.subscription = await log.subscribe({
      group: 'analytics',
      topics: [TOPIC],
      batchMax: BATCH_MAX,
      handle: (records) => windows.take(records),
    });
  },
  async stopped(this: Partial<Analytics>) {
    await this.subscription?.stop();
    await this.database?.close();
  },

  actions: {
    /** Closed windows of a product, newest first; a product that nobody looked at has none. */
    windows: {
      async handler(this: Analytics, ctx: Context<{ id: string; limit?: number }>) {
        const { id, limit = LIMIT } = ctx.params;
        const newestFirst = { orderBy: { windowStart: 'desc' }, limit } as const;
        const rows = await read(this.database.em().find(WindowRow, { productId: id }, newestFirst));
        return { items: rows.map(viewWindow) };
      },
    },

    /** What became of the events: `accepted` = counted + late + malformed + duplicates. */
    counters: {
      async handler(this: Analytics) {
        return await readCounters(this.database);
      },
    },

    /** Event time: windows that ended before it are closed. Null as long as a partition has seen nothing. */
    watermark: {
      visibility: 'public',
      async handler(this: Analytics) {
        return { watermark: await readWatermark(this.database) };
      },
    },
    /** The tables can be read; and what became of the events, which `/health/ready` shows under `checks`. */
    ready: {
      async handler(this: Analytics) {
        return { ready: true, events: await readCounters(this.database) };
      },
    },
  },
});

async function readCounters(database: Database) {
  const totals = await read(database.em().findOneOrFail(TotalsRow, { id: 1 }));
  const { accepted, counted, late, malformed } = totals;
  return { accepted, counted, late, malformed, duplicates: accepted - counted - late - malformed };
}

/** The watermark, as far as the windows before it are closed: whoever sees it sees them. */
async function readWatermark(database: Database): Promise<string | null> {
  const rows = await read(database.em().find(ProgressRow, {}, { orderBy: { partition: 'asc' } }));
  const reached = watermarkOf(rows.map(({ next, watermark }) => ({ next, time: watermark ?? undefined })));
  if (reached === undefined) return null;
  const oldestFirst = { orderBy: { windowStart: 'asc' }, limit: 1 } as const;
  const [oldest] = await read(database.em().find(TallyRow, {}, oldestFirst));
  const closedUntil = oldest === undefined ? reached : Math.min(reached, oldest.windowStart + WINDOW_MS - 1);
  return new Date(closedUntil).toISOString();
}

function viewWindow({ productId, windowStart, uniqueUsers, events }: WindowRow): object {
  return {
    productId,
    windowStart: windowStart.toISOString(),
    windowEnd: new Date(windowStart.getTime() + WINDOW_MS).toISOString(),
    uniqueUserCount: uniqueUsers,
    eventCount: events,
  };
}
