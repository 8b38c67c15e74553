// A customer's orders from the history, with those that it does not know yet as they are from PostgreSQL:
//
//   1. unprojected (PostgreSQL) ──► orders as they are now ───────────┐
//   2. the table (DynamoDB) ──► all others, of the same customer ─────┴─► merged by place, filtered, cut to the page
//
// In this order: what is not among the first has been in the table before they were read. The other way round an order
// could be projected between the two, and be seen in neither as it is.

import { StoreUnavailable } from '../../../mixins/store.ts';
import type { OrderView } from '../order.view.ts';
import { type Filters, type HistoryTable, isMissing, type Page, type Range } from './history-table.ts';
import { type HistoryItem, type Position, sortKey } from './item.ts';
import { isShown, type Unprojected } from './unprojected.ts';

/** Orders of one customer that may be missing in the history; with more of them PostgreSQL answers alone. */
export const UNPROJECTED_MAX = 100;
/** Items looked at for one page of a list with filters, in so many requests; beyond it PostgreSQL answers alone. */
const LOOK_FILTERED = 200;
const REQUESTS_MAX = 10;
/** DynamoDB is not asked again so soon after it did not answer, in milliseconds. */
const AWAY_MS = 2_000;

/** An order and where it stands. */
export type Listed = Pick<HistoryItem, 'position'> & { readonly order: OrderView };

/**
 * The first orders of a list, newest first, at most so many; undefined: the history cannot say, PostgreSQL has to.
 * @throws Problem `unavailable` (503) if PostgreSQL does not answer.
 */
export type ListHistory = (range: Range, filters: Filters, max: number) => Promise<readonly Listed[] | undefined>;

/** Lists over the table and the orders that it does not know. */
export function createHistoryList(
  table: Pick<HistoryTable, 'page'>,
  unprojected: Pick<Unprojected, 'ofCustomer'>,
): ListHistory {
  let askAgainAt = 0;

  /** A page of the table; undefined: DynamoDB is away, or has no table yet. */
  async function ask(...question: Parameters<HistoryTable['page']>): Promise<Page | undefined> {
    if (performance.now() < askAgainAt) return undefined;
    try {
      return await table.page(...question);
    } catch (error) {
      if (!(error instanceof StoreUnavailable) && !isMissing(error)) throw error;
      askAgainAt = performance.now() + AWAY_MS;
      return undefined;
    }
  }

  return async (range, filters, max) => {
    const changed = await unprojected.ofCustomer(range, UNPROJECTED_MAX + 1);
    if (changed.length > UNPROJECTED_MAX) return undefined;
    const isChanged = new Set(changed.map(({ order }) => order.id));
    const isFiltered = filters.status !== undefined || filters.reference !== undefined;
    const look = isFiltered ? LOOK_FILTERED : max + changed.length;
    const projected: Listed[] = [];
    let from: Page['next'];
    for (let requests = 0; ; requests++) {
      if (requests === REQUESTS_MAX) return undefined;
      const page = await ask(range, filters, look, from);
      if (page === undefined) return undefined;
      projected.push(...page.found.filter(({ order }) => !isChanged.has(order.id)));
      from = page.next;
      if (from === undefined || projected.length >= max) break;
    }
    return [...changed.filter((item) => isShown(item, filters)), ...projected].toSorted(newestFirst).slice(0, max);
  };
}

function newestFirst(one: { readonly position: Position }, other: { readonly position: Position }): number {
  const [a, b] = [sortKey(...one.position), sortKey(...other.position)];
  return a < b ? 1 : a > b ? -1 : 0;
}
