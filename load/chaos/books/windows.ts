// What analytics has counted: its tables, closed windows and open ones.

import { type Ask, msOf } from './book-database.ts';
import type { StoredWindow } from './books.ts';
import type { Mark } from './mark.ts';

export interface Analytics extends Pick<Mark, 'uncounted' | 'eventTimes'> {
  readonly windows: readonly StoredWindow[];
}

/** How far it is: what a mark remembers. */
export async function readTotals(ask: Ask): Promise<Pick<Mark, 'uncounted' | 'eventTimes'>> {
  const [totals] = await ask('select late::float8 as late, malformed::float8 as malformed from analytics.totals');
  const progress = await ask(
    'select partition, watermark::float8 as time from analytics.progress where watermark is not null order by partition',
  );
  return {
    uncounted: { late: totals?.['late'] ?? 0, malformed: totals?.['malformed'] ?? 0 },
    eventTimes: Object.fromEntries(progress.map(({ partition, time }) => [partition, time])),
  };
}

/** All of it. `ask` has to be that of a snapshot: a window is open or closed, never both. */
export async function readAnalytics(ask: Ask): Promise<Analytics> {
  const closed = await ask(
    `select product_id, ${msOf('window_start')} as from, unique_users, events from analytics.windows order by 1, 2`,
  );
  const open = await ask(
    'select product_id, window_start::float8 as from, unique_users, events from analytics.tallies order by 1, 2',
  );
  const toWindow = ({ product_id, from, unique_users, events }: (typeof closed)[number]): StoredWindow => {
    return { productId: product_id, from, uniqueUsers: unique_users, eventCount: events };
  };
  return {
    ...(await readTotals(ask)),
    windows: [...closed.map(toWindow), ...open.map((row) => ({ ...toWindow(row), isOpen: true }))],
  };
}
