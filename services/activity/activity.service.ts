// User activity over the wire: what users did with products goes to the log before it is answered. No rules live here.
//
//   POST /events ─► siftEvents ─► log (ecom-raw-events, key = product) ─► 202        flush, heartbeat ─► a mark per partition

import type { Context, ServiceBroker } from 'moleculer';
import type { EventLog } from '../../brokers/event-log.ts';
import { Problem, type ProblemDetail } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { RequestRow } from './activity.entities.ts';
import { type KeptRequests, keptRequests } from './kept-requests.ts';
import { appendMark, flushUntil, SOURCE, TOPIC } from './marks.ts';
import { Migration0001Activity } from './migrations/0001-activity.ts';
import { type ActivityEvent, type Rejected, siftEvents } from './read-event.ts';

const FORGET_MS = 3_600_000;
/** How long analytics may think about how far event time is, in milliseconds. */
const WATERMARK_WITHIN_MS = 500;

interface Activity {
  broker: ServiceBroker;
  database: Database;
  requests: KeptRequests;
  log: EventLog;
  timers: readonly NodeJS.Timeout[];
}

interface Report {
  readonly accepted: number;
  readonly rejected: readonly Pick<Rejected, 'index' | 'code' | 'detail'>[];
}

/** The activity service; opens its table when it starts. */
export const activityService = (platform: Platform): SchemaOf<Activity> => ({
  name: 'activity',

  async started(this: Activity) {
    this.database = await platform.database({
      schema: 'activity',
      entities: [RequestRow],
      migrations: [Migration0001Activity],
    });
    this.requests = keptRequests(this.database);
    this.log = await platform.log();
    const every = (ms: number, task: () => Promise<void>, what: string) =>
      setInterval(() => {
        task().catch((error: unknown) => platform.alert(what, { error: String(error) }));
      }, ms).unref();
    const { activityHeartbeatMs } = platform.settings;
    // Several nodes may say what time it is: the latest one counts.
    const heartbeats =
      activityHeartbeatMs === 0 ? [] : [every(activityHeartbeatMs, () => heartbeat(this.log), 'heartbeat failed')];
    this.timers = [
      every(FORGET_MS, () => this.requests.forget(Date.now()), 'requests were not forgotten'),
      ...heartbeats,
    ];
  },
  async stopped(this: Partial<Activity>) {
    for (const timer of this.timers ?? []) clearInterval(timer);
    await this.database?.close();
  },

  actions: {
    append: {
      async handler(this: Activity, ctx: Context<{ events: readonly unknown[] }, Caller>): Promise<Report> {
        const { events } = ctx.params;
        const report = ctx.meta.keyed
          ? await appendOnce(this, events, ctx.meta)
          : await append(this, events, ctx.meta, Date.now());
        ctx.meta.$statusCode = 202;
        return report;
      },
    },

    /** The kept answer of an earlier request with this command id; null: there was none. */
    answered: {
      async handler(this: Activity, ctx: Context<{ commandId: string }>) {
        const kept = await this.requests.find(ctx.params.commandId);
        if (typeof kept?.answer !== 'string') return null;
        return { fingerprint: kept.fingerprint, status: 202, body: JSON.parse(kept.answer) as object };
      },
    },

    /** Lets event time pass until then, for instance at the end of a replay. */
    flush: {
      async handler(this: Activity, ctx: Context<{ until: string }, Caller>) {
        const now = Date.now();
        const until = Date.parse(ctx.params.until);
        if (Number.isNaN(until)) {
          const detail = 'until must be a time with its zone, like 2026-01-31T12:00:00Z';
          throw new Problem('invalid-request', detail, [{ pointer: '/until', code: 'wrong-format', detail }]);
        }
        const mark = { type: 'flush', until: new Date(flushUntil(until, now)).toISOString() } as const;
        await appendMark(this.log, mark, `flush/${ctx.meta.commandId}`, now);
        ctx.meta.$statusCode = 204;
      },
    },

    /** How event time moves, and how far it is. */
    ready: {
      async handler(this: Activity) {
        const heartbeatSeconds = platform.settings.activityHeartbeatMs / 1_000;
        return { ready: true, heartbeatSeconds, watermark: await watermark(this.broker) };
      },
    },
  },
});

/** Puts what is sound into the log. @throws Problem `invalid-request` if nothing is. */
async function append(
  { log }: Activity,
  events: readonly unknown[],
  { commandId, traceparent }: Caller,
  now: number,
): Promise<Report> {
  const { taken, rejected } = siftEvents(events, commandId, now);
  if (taken.length === 0) throw noneTaken(rejected);
  await log.append(
    taken.map((event) => ({
      topic: TOPIC,
      key: event.product_id,
      id: event.event_id,
      source: SOURCE,
      time: Date.parse(event.timestamp),
      data: event satisfies ActivityEvent,
      ...(traceparent !== undefined && { traceparent }),
    })),
  );
  return { accepted: taken.length, rejected: rejected.map(({ index, code, detail }) => ({ index, code, detail })) };
}

/** The same for a keyed request: a repeat of it changes nothing and gets the same answer. */
async function appendOnce(activity: Activity, events: readonly unknown[], meta: Caller): Promise<Report> {
  const { commandId, fingerprint } = meta;
  const now = Date.now();
  // What leads to nothing is not kept: the caller may send it again, mended, under the same key.
  const { taken, rejected } = siftEvents(events, commandId, now);
  if (taken.length === 0) throw noneTaken(rejected);
  const kept = await activity.requests.begin(commandId, fingerprint, now);
  if (kept.fingerprint !== fingerprint) {
    throw new Problem(
      'idempotency-key-reused',
      'this Idempotency-Key was used for another request: send the same body, or another key',
    );
  }
  if (typeof kept.answer === 'string') return JSON.parse(kept.answer) as Report;
  const report = await append(activity, events, meta, kept.begunAt.getTime());
  await activity.requests.finish(commandId, report);
  return report;
}

function noneTaken(rejected: readonly Rejected[]): Problem {
  const errors = rejected.map(({ index, field, code, detail }): ProblemDetail => {
    return {
      pointer: field === undefined ? `/${index}` : `/${index}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      code,
      detail,
    };
  });
  return new Problem('invalid-request', `no event could be taken: ${rejected[0]?.detail ?? 'there is none'}`, errors);
}

async function heartbeat(log: EventLog): Promise<void> {
  const now = Date.now();
  await appendMark(log, { type: 'heartbeat', at: new Date(now).toISOString() }, `heartbeat/${now}`, now);
}

async function watermark(broker: ServiceBroker): Promise<string | null> {
  try {
    const answer = await broker.call<{ watermark: string | null }, object>(
      'analytics.watermark',
      {},
      { timeout: WATERMARK_WITHIN_MS },
    );
    return answer.watermark;
  } catch {
    // Analytics is another service's affair: without it events are taken all the same.
    return null;
  }
}
