// The windows that a replay of events leads to: what is expected (from an oracle, else from the events themselves), and
// what the shop shows of them.
//
//   before a batch: products with many windows that nobody has read yet ─► GET       at the end: every product ─► GET
//
// The shop shows the newest 100 windows of a product, so a long replay reads them as it goes.

import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../client.ts';
import { type FileEvent, readRows } from './events-file.ts';
import { BadFile } from './invoices.ts';

export const WINDOW_MS = 60_000;
/** Windows that one answer can hold. */
const SHOWN_MAX = 100;
/** How long to wait for windows to close before more is sent, and how often to look, in milliseconds. */
const CLOSE_WITHIN_MS = 10_000;
const POLL_MS = 50;
const READS_AT_ONCE = 8;

export interface Tally {
  readonly users: number;
  readonly events: number;
}

/** By product, then by the window's start in milliseconds since 1970 UTC. */
export type Windows = Map<string, Map<number, Tally>>;

export const windowOf = (time: number): number => Math.floor(time / WINDOW_MS) * WINDOW_MS;

/** One-minute windows of the events, each with its distinct users. */
export function windowsOf(events: readonly FileEvent[]): Windows {
  const users = new Map<string, Set<string>>();
  const windows: Windows = new Map();
  for (const { time, event } of events) {
    const { product_id: product, user_id: user } = event;
    const start = windowOf(time);
    const name = `${start} ${product}`;
    const seen = users.get(name) ?? new Set();
    users.set(name, seen.add(user));
    put(windows, product, start, { users: seen.size, events: (windows.get(product)?.get(start)?.events ?? 0) + 1 });
  }
  return windows;
}

/** The windows that an oracle expects. @throws BadFile that names the line that cannot be read */
export async function readOracle(path: string): Promise<Windows> {
  const windows: Windows = new Map();
  for await (const { line, row } of readRows(path, ['window_start', 'product_id', 'unique_users', 'events'])) {
    const { window_start: at = '', product_id: product = '' } = row;
    const start = Date.parse(/T[\d:.]+$/.test(at) ? `${at}Z` : at);
    const [users, events] = [Number(row['unique_users']), Number(row['events'])];
    if (Number.isNaN(start) || product === '' || !Number.isInteger(users) || !Number.isInteger(events))
      throw new BadFile(`${path}, line ${line}: a window has a start, a product and whole numbers of users and events`);
    put(windows, product, start, { users, events });
  }
  return windows;
}

function put(windows: Windows, product: string, start: number, tally: Tally): void {
  const ofProduct = windows.get(product);
  if (ofProduct === undefined) windows.set(product, new Map([[start, tally]]));
  else ofProduct.set(start, tally);
}

export interface WindowReader {
  /** Reads what would be out of sight once these events are sent as well. */
  before(batch: readonly FileEvent[]): Promise<void>;
  /** Reads every product, once all windows are closed. */
  readAll(products: Iterable<string>, progress: (done: number) => void): Promise<Windows>;
}

/** Reads windows of the replay back over HTTP, and keeps them: a closed window never changes. */
export function windowReader(client: Client): WindowReader {
  const shown: Windows = new Map();
  /** Windows of each product that have an event, and that nobody has read. */
  const unread = new Map<string, Set<number>>();

  async function read(product: string): Promise<void> {
    const path = `/api/v1/analytics/products/${encodeURIComponent(product)}?limit=${SHOWN_MAX}`;
    const { items } = await client.expect<{
      readonly items: readonly {
        readonly windowStart: string;
        readonly uniqueUserCount: number;
        readonly eventCount: number;
      }[];
    }>([200], path);
    for (const { windowStart, uniqueUserCount, eventCount } of items) {
      const start = Date.parse(windowStart);
      put(shown, product, start, { users: uniqueUserCount, events: eventCount });
      unread.get(product)?.delete(start);
    }
  }

  return {
    async before(batch) {
      const touched = new Map<string, Set<number>>();
      for (const { time, event } of batch) {
        const { product_id: product } = event;
        const starts = unread.get(product) ?? new Set();
        unread.set(product, starts);
        touched.set(product, starts);
        // Counted before it is sent: so many may be closed by the time of the next look.
        if (shown.get(product)?.has(windowOf(time)) !== true) starts.add(windowOf(time));
      }
      const giveUpAt = performance.now() + CLOSE_WITHIN_MS;
      for (const [product, starts] of touched) {
        if (starts.size <= SHOWN_MAX) continue;
        await read(product);
        // Windows that stay open, because event time does not pass in some partition, are read at the end.
        while (starts.size > SHOWN_MAX && performance.now() < giveUpAt) {
          await pause(POLL_MS);
          await read(product);
        }
      }
    },
    async readAll(products, progress) {
      let done = 0;
      const queue = [...products].values();
      await Promise.all(
        Array.from({ length: READS_AT_ONCE }, async () => {
          for (const product of queue) {
            await read(product);
            progress((done += 1));
          }
        }),
      );
      return shown;
    },
  };
}

/**
 * Differences between windows that start from `first` to `last`, as sentences; none means equal.
 * @returns also how many windows and events the shop shows there
 */
export function compareWindows(expected: Windows, shown: Windows, first: number, last: number) {
  const differences: string[] = [];
  let [windows, counted] = [0, 0];
  for (const product of new Set([...expected.keys(), ...shown.keys()])) {
    const [wanted, found] = [expected.get(product) ?? new Map<number, Tally>(), shown.get(product)];
    const starts = new Set([...wanted.keys(), ...(found?.keys() ?? [])]);
    for (const start of [...starts].toSorted((a, b) => a - b)) {
      const [is, should] = [found?.get(start), wanted.get(start)];
      // Of another time than the file: not ours to judge, unless it was expected.
      if (should === undefined && (start < first || start > last)) continue;
      if (is !== undefined) [windows, counted] = [windows + 1, counted + is.events];
      if (is?.users === should?.users && is?.events === should?.events) continue;
      const name = `product ${product}, window ${new Date(start).toISOString()}`;
      const isCut =
        is === undefined && found !== undefined && found.size >= SHOWN_MAX && start < Math.min(...found.keys());
      const what = isCut ? `out of sight, the shop shows the newest ${SHOWN_MAX}` : described(is);
      differences.push(`${name}: ${what}, expected ${described(should)}`);
    }
  }
  return { windows, counted, differences };
}

function described(tally: Tally | undefined): string {
  return tally === undefined ? 'no window' : `${tally.users} users and ${tally.events} events`;
}
