// `npm run replay -- --events FILE`: sends a click stream as it once arrived, and compares the windows that come of it.
//
//   read ─► may this shop's time take it? ─► batches, one after the other ─► flush ─► windows ─► equal, or a list of differences
//
// Order within a partition decides what is late, so one request is under way at a time. Each carries a key derived from the
// run and its place in it: after a kill the same command goes on, and what the shop has taken already is taken once.

import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../client.ts';
import type { Progress } from '../progress.ts';
import { type FileEvent, inArrivalOrder, readEvents } from './events-file.ts';
import { compareWindows, readOracle, WINDOW_MS, windowOf, windowReader, windowsOf } from './events-windows.ts';

/** Events of one request. */
const BATCH_MAX = 500;
const DIFFERENCES_SHOWN = 50;
/** How long the watermark may stand still after the flush, and how often it is looked at, in milliseconds. */
const STILL_MS = 60_000;
const POLL_MS = 100;

export interface EventsReplay {
  readonly file: string;
  /** File of event ids in the order of arrival; without it the file's order is kept. */
  readonly arrival?: string | undefined;
  /** Windows to compare with; default: the oracle beside the file, else the windows of the file itself. */
  readonly oracle?: string | undefined;
  /** Only the events of this day (UTC). */
  readonly day?: string | undefined;
  /** A staff token: a flush is for staff. */
  readonly token: () => Promise<string>;
  readonly progress: Progress;
  readonly say: (line: string) => void;
}

/** Event time as the shop tells it. */
interface Ready {
  readonly activity?: { readonly heartbeatSeconds: number; readonly watermark: string | null };
  readonly checks: { readonly analytics?: { readonly ready: boolean; readonly events?: Counters } };
}

interface Counters {
  readonly counted: number;
  readonly late: number;
  readonly malformed: number;
  readonly duplicates: number;
}

/** This shop's event time cannot take these events; nothing was sent. */
export class Refused extends Error {
  override name = 'Refused';
}

/**
 * Replays a click stream. Repeating it after an interruption goes on with it.
 * @returns whether every window is as expected
 * @throws BadFile if a row is no event, Refused if the events would be late; nothing was sent then
 */
export async function replayEvents(client: Client, options: EventsReplay): Promise<boolean> {
  const { file, arrival, day, progress, say } = options;
  const inFile = await readEvents(file, day);
  const events = arrival === undefined ? inFile : await inArrivalOrder(inFile, arrival);
  const times = events.reduce(([first, last], { time }) => [Math.min(first, time), Math.max(last, time)] as const, [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as const);
  const [first, last] = times;
  const oraclePath = options.oracle ?? oracleBeside(file);
  const expected = oraclePath === undefined ? windowsOf(events) : await readOracle(oraclePath);
  const token = await options.token();
  const run = hash('sha256', JSON.stringify(events.map(({ event }) => event))).slice(0, 32);

  const before = await readyOf(client);
  const isContinued = await wasBegun(client, token, run);
  refuseWhatIsLate(before, { file, first, isContinued });
  say(
    `${events.length} events from ${iso(first)} to ${iso(last)}, in the order of ${basename(arrival ?? file)}.` +
      (isContinued ? ' This shop has taken some of them before: going on.' : ''),
  );

  const reader = windowReader(client);
  const startedAt = performance.now();
  const rejected = await send(client, options.token, run, events, {
    before: reader.before,
    done: (count) => progress.show('sending events', count, events.length),
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  const until = windowOf(last) + WINDOW_MS;
  await client.expect([204], '/api/v1/events/flush', {
    method: 'POST',
    body: { until: iso(until) },
    token: await options.token(),
    key: `replay-${run}-flush`,
  });
  const after = await reached(client, until);
  const products = new Set([...expected.keys(), ...events.map(({ event }) => event.product_id)]);
  const shown = await reader.readAll(products, (done) => progress.show('comparing windows', done, products.size));
  progress.end();

  const found = compareWindows(expected, shown, windowOf(first), windowOf(last));
  const differences = [...rejected, ...found.differences];
  say(`${events.length} events sent in ${seconds.toFixed(1)} s, flushed until ${iso(until)}.`);
  const late = sayCounters(say, before, after);
  for (const difference of differences.slice(0, DIFFERENCES_SHOWN)) say(`  ≠ ${difference}`);
  if (differences.length > DIFFERENCES_SHOWN) say(`  … and ${differences.length - DIFFERENCES_SHOWN} more`);
  const verdict =
    differences.length === 0
      ? `equal to ${basename(oraclePath ?? file)}`
      : `${differences.length} differences from ${basename(oraclePath ?? file)}`;
  say(`Replay: ${events.length} events, ${found.counted} counted, ${late} late, ${found.windows} windows: ${verdict}.`);
  return differences.length === 0;
}

/** `rees46-events.csv.gz` has its answers in `rees46-oracle-windows.csv.gz`, or in the same unzipped. */
export function oracleBeside(file: string): string | undefined {
  const name = file.replace(/\.gz$/, '').replace(/\.csv$/, '');
  return [name, name.replace(/-events$/, '')]
    .flatMap((stem) => [`${stem}-oracle-windows.csv.gz`, `${stem}-oracle-windows.csv`])
    .find((path) => existsSync(path));
}

const iso = (time: number): string => new Date(time).toISOString();
const readyOf = (client: Client): Promise<Ready> => client.expect<Ready>([200], '/health/ready');

/** Whether this shop has answered the first request of this run before. Asks with a body that is never taken. */
async function wasBegun(client: Client, token: string, run: string): Promise<boolean> {
  const { status, body } = await client.call<{ readonly code?: string }>('/api/v1/events', {
    method: 'POST',
    body: [],
    token,
    key: `replay-${run}-0`,
  });
  if (status === 422) return body.code === 'idempotency-key-reused';
  throw new Error(`the shop answered ${status} to an empty list of events: ${JSON.stringify(body).slice(0, 500)}`);
}

function refuseWhatIsLate(
  { activity, checks }: Ready,
  { file, first, isContinued }: { readonly file: string; readonly first: number; readonly isContinued: boolean },
): void {
  if (activity === undefined || checks.analytics?.ready !== true)
    throw new Refused(
      'activity and analytics do not both run in this shop, so no window would close; nothing was sent',
    );
  const { heartbeatSeconds, watermark } = activity;
  const reasons: string[] = [];
  if (heartbeatSeconds > 0)
    reasons.push(`its heartbeats are on (every ${heartbeatSeconds} s), so its event time follows the clock`);
  if (!isContinued && watermark !== null && Date.parse(watermark) > first)
    reasons.push(
      `its event time (watermark) is ${watermark}, past the first event of ${basename(file)} at ${iso(first)}`,
    );
  if (reasons.length === 0) return;
  throw new Refused(
    `events of the past would be late in this shop: ${reasons.join('; ')}. ` +
      'Start a shop with ACTIVITY_HEARTBEAT_SECONDS=0 whose event time is before them, for instance on a new DATA_DIR. Nothing was sent',
  );
}

/** Sends all events, a request at a time. @returns what the shop would not take, as sentences */
async function send(
  client: Client,
  token: () => Promise<string>,
  run: string,
  events: readonly FileEvent[],
  hooks: { before(batch: readonly FileEvent[]): Promise<void>; done(count: number): void },
): Promise<string[]> {
  const rejected: string[] = [];
  let [number, sent] = [0, 0];
  while (sent < events.length) {
    // The first event goes alone: it moves no time past itself, so a run that is cut off while the shop answers it is
    // taken up again like one that never began.
    const batch = events.slice(sent, sent + (number === 0 ? 1 : BATCH_MAX));
    await hooks.before(batch);
    const report = await client.expect<Report>([202], '/api/v1/events', {
      method: 'POST',
      body: batch.map(({ event }) => event),
      token: await token(),
      key: `replay-${run}-${number}`,
    });
    for (const { index, detail } of report.rejected)
      rejected.push(`line ${batch[index]?.line}: the shop did not take it: ${detail}`);
    number += 1;
    hooks.done((sent += batch.length));
  }
  return rejected;
}

interface Report {
  readonly rejected: readonly { readonly index: number; readonly detail: string }[];
}

/** Waits until every window that ends by then is closed. @throws Error when event time stands still */
async function reached(client: Client, until: number): Promise<Ready> {
  let [at, changedAt] = ['', performance.now()];
  for (;;) {
    const ready = await readyOf(client);
    const watermark = ready.activity?.watermark ?? '';
    // What was counted is read after the time is seen to have come.
    if (watermark !== '' && Date.parse(watermark) >= until) return await readyOf(client);
    if (watermark !== at) [at, changedAt] = [watermark, performance.now()];
    if (performance.now() - changedAt > STILL_MS)
      throw new Error(`the shop's event time stands at ${at || 'nothing'} and does not reach ${iso(until)}`);
    await pause(POLL_MS);
  }
}

/** Says what became of all events in this shop. @returns how many were late in this run */
function sayCounters(say: (line: string) => void, before: Ready, after: Ready): number | string {
  const [then, now] = [before.checks.analytics?.events, after.checks.analytics?.events];
  if (then === undefined || now === undefined) return 'unknown';
  const share = (name: keyof Counters, what: string) => `${now[name]} ${what} (${now[name] - then[name]} in this run)`;
  const shares = [share('counted', 'counted'), share('late', 'late')];
  say(`The shop has ${shares.join(', ')}, ${share('malformed', 'malformed')}, ${share('duplicates', 'repeated')}.`);
  return now.late - then.late;
}
