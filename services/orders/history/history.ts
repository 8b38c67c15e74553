// The history of an orders service, where the platform wants one: the list that it answers, the projection that keeps it,
// and what an operator does with it.

import type { Context } from 'moleculer';
import type { Platform } from '../../../mixins/platform.ts';
import type { Database } from '../../../mixins/postgres/database.ts';
import { createHistoryList, type ListHistory } from './history-list.ts';
import { historyTable } from './history-table.ts';
import { type Projection, startProjection } from './projection.ts';
import { type Behind, unprojectedOrders } from './unprojected.ts';

export const TABLE = 'souk-order-history';

export interface History {
  readonly list: ListHistory;
  readonly projection: Projection;
  behind(): Promise<Behind>;
  stop(): Promise<void>;
}

/** Opens the history, which starts in the background; undefined: the platform wants none. */
export function openHistory(
  platform: Pick<Platform, 'orderHistory' | 'dynamo' | 'log' | 'alert'>,
  database: Database,
): History | undefined {
  if (platform.orderHistory !== true) return undefined;
  const table = historyTable(platform.dynamo(), TABLE);
  const unprojected = unprojectedOrders(database);
  const projection = startProjection({
    table,
    unprojected,
    log: () => platform.log(),
    alert: (what, particulars) => platform.alert(what, particulars),
  });
  return {
    list: createHistoryList(table, unprojected),
    projection,
    behind: () => unprojected.behind(),
    stop: () => projection.stop(),
  };
}

/** What the orders service has for operators, each harmless to repeat; `rebuild.ts` calls them. None is at the gateway. */
export const historyActions = {
  /** How far the history is behind; null: there is none. */
  historyBehind: {
    handler(this: { readonly history: History | undefined }): Promise<Behind> | null {
      return this.history?.behind() ?? null;
    },
  },
  /** Remembers the next orders, by id, to be written anew. Answers the last id, or null after the last page. */
  rememberHistory: {
    async handler(this: { readonly history: History | undefined }, ctx: Context<{ after: string }>) {
      return (await demand(this.history).projection.remember(ctx.params.after)) ?? null;
    },
  },
  /** Makes the table if it is missing. */
  makeHistory: {
    async handler(this: { readonly history: History | undefined }) {
      await demand(this.history).projection.make();
    },
  },
  /** Has this node read the log anew, as far as it is the one that reads it. Answers the number of partitions. */
  rewindHistory: {
    handler(this: { readonly history: History | undefined }): Promise<number> {
      return demand(this.history).projection.rewind();
    },
  },
} as const;

function demand(history: History | undefined): History {
  if (history === undefined) throw new Error('these orders have no history: their lists come from PostgreSQL');
  return history;
}
