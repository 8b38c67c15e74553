// Remembers keyed requests: the intent before the events are appended, the answer after. A node that dies between the
// two leaves an intent, and the repeat appends the same events under the same ids once more, which count once.

import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { RequestRow } from './activity.entities.ts';

/** Longer than the 24 hours that callers may count on. */
const KEPT_MS = 48 * 3_600_000;

export interface KeptRequests {
  find(commandId: string): Promise<RequestRow | null>;
  /** Keeps the request, unless there is one under this command id; returns the one that is kept. */
  begin(commandId: string, fingerprint: string, now: number): Promise<RequestRow>;
  finish(commandId: string, answer: object): Promise<void>;
  /** Forgets requests that are old enough. */
  forget(now: number): Promise<void>;
}

/** The keyed requests in the database. */
export function keptRequests(database: Database): KeptRequests {
  const find = (commandId: string) => read(database.em().findOne(RequestRow, { commandId }));
  return {
    find,
    async begin(commandId, fingerprint, now) {
      const row = { commandId, fingerprint, begunAt: new Date(now) };
      await read(database.em().upsert(RequestRow, row, { onConflictAction: 'ignore' }));
      return (await find(commandId)) as RequestRow;
    },
    async finish(commandId, answer) {
      await read(database.em().nativeUpdate(RequestRow, { commandId }, { answer: JSON.stringify(answer) }));
    },
    async forget(now) {
      await database.em().nativeDelete(RequestRow, { begunAt: { $lt: new Date(now - KEPT_MS) } });
    },
  };
}
