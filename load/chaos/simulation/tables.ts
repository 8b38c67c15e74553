// The tables of the simulated shop that hold no actors: kept requests of activity, the counting of analytics, and which
// carts hold a product. Each does what the statements of its context say (`services/analytics/statements.ts` …).

import type { KeptRequests } from '../../../services/activity/kept-requests.ts';
import type { CartIndex } from '../../../services/carts/cart-index.ts';
import type { StoredWindow } from '../books/books.ts';

/** Keyed requests that activity remembers. */
export function requestsTable(): KeptRequests {
  const rows = new Map<string, { commandId: string; fingerprint: string; begunAt: Date; answer: string | null }>();
  return {
    find: async (commandId) => rows.get(commandId) ?? null,
    async begin(commandId, fingerprint, now) {
      const row = rows.get(commandId) ?? { commandId, fingerprint, begunAt: new Date(now), answer: null };
      rows.set(commandId, row);
      return row;
    },
    async finish(commandId, answer) {
      const row = rows.get(commandId);
      if (row !== undefined) row.answer = JSON.stringify(answer);
    },
    forget: () => Promise.resolve(),
  };
}

interface Tally {
  readonly windowStart: number;
  readonly productId: string;
  readonly users: Set<string>;
  readonly events: Set<string>;
}

/** What analytics keeps, and the lane that its statements run on. */
export function windowsTables() {
  let progress: { next: number; watermark: number | null }[] = [];
  const tallies = new Map<string, Tally>();
  const windows: StoredWindow[] = [];
  const totals = { accepted: 0, counted: 0, late: 0, malformed: 0 };

  type Parameters = readonly unknown[];
  const statements: Readonly<Record<string, (parameters: Parameters) => readonly (readonly unknown[])[]>> = {
    begin([partitions]) {
      for (let i = progress.length; i < Number(partitions); i++) progress.push({ next: 0, watermark: null });
      return [];
    },
    'read-progress': () =>
      progress.map(({ next, watermark }) => [String(next), watermark === null ? null : String(watermark)]),
    take(parameters) {
      const [before, after, watermarks, starts, products, events, users, accepted, late, malformed] =
        parameters as unknown as readonly [
          number[],
          number[],
          (string | null)[],
          number[],
          string[],
          string[],
          string[],
          number,
          number,
          number,
        ];
      if (!progress.every(({ next }, i) => next === before[i])) return [];
      progress = after.map((next, i) => ({ next, watermark: numberOrNull(watermarks[i] ?? null) }));
      starts.forEach((windowStart, i) => {
        const [productId = '', eventId = '', userId = ''] = [products[i], events[i], users[i]];
        const name = `${windowStart} ${productId}`;
        const tally = tallies.get(name) ?? { windowStart, productId, users: new Set(), events: new Set() };
        tallies.set(name, tally);
        if (tally.events.has(eventId)) return;
        tally.events.add(eventId);
        tally.users.add(userId);
        totals.counted += 1;
      });
      totals.accepted += accepted;
      totals.late += late;
      totals.malformed += malformed;
      return [['1']];
    },
    close([lastStart]) {
      const closed = [...tallies].filter(([, { windowStart }]) => windowStart <= Number(lastStart));
      for (const [name, tally] of closed) {
        windows.push(view(tally));
        tallies.delete(name);
      }
      return [[String(closed.length)]];
    },
    'forget-events': () => [['0']],
    'forget-users': () => [['0']],
  };

  const view = ({ productId, windowStart, users, events }: Tally): StoredWindow => ({
    productId,
    from: windowStart,
    uniqueUsers: users.size,
    eventCount: events.size,
  });

  return {
    run({ name }: { readonly name: string }, parameters: Parameters) {
      const statement = statements[name];
      if (statement === undefined) throw new Error(`the simulated lane knows no statement ${name}`);
      return statement(parameters);
    },
    windows: (): readonly StoredWindow[] => [
      ...windows,
      ...[...tallies.values()].map((tally) => ({ ...view(tally), isOpen: true })),
    ],
    closed: (): readonly StoredWindow[] => windows,
    totals,
  };
}

const numberOrNull = (text: string | null): number | null => (text === null ? null : Number(text));

/** Which carts hold a product; nothing is ever taken out of the simulated catalogue, so nobody asks. */
export function cartIndexTable(): CartIndex {
  return {
    note: () => Promise.resolve(),
    async *holders() {},
    forget: () => Promise.resolve(),
    plan: () => Promise.resolve(),
    planned: () => Promise.resolve([]),
    done: () => Promise.resolve(),
  };
}
