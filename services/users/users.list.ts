// Reads of all accounts, on the primary: pages, newest first, and everything at once as a file.

import type { FilterQuery } from '@mikro-orm/core';
import type { Address } from '../../actors/order.ts';
import type { Cursors } from '../../mixins/cursor.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';
import { UserRow } from './users.entities.ts';
import { type UserView, viewUser } from './user.view.ts';

const LIST = 'customers';
/** Accounts of one query of an export. */
const EXPORT_PAGE = 1_000;

/** When the account of a page's end was created (milliseconds since 1970), and its id. */
type Position = readonly [createdAt: number, id: string];

/** A page of accounts, newest first, and the cursor of the next one. */
export async function listUsers(
  database: Database,
  cursors: Cursors,
  { limit = 20, cursor }: { readonly limit?: number; readonly cursor?: string },
): Promise<{ readonly items: readonly UserView[]; readonly next: string | null }> {
  const after = cursor === undefined ? undefined : cursors.decode<Position>(LIST, cursor);
  const found = await page(database, after, limit + 1);
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const next = found.length > limit && last !== undefined ? cursors.encode(LIST, positionOf(last)) : null;
  return { items: rows.map(view), next };
}

/** All accounts, newest first, page by page. */
export async function* allUsers(database: Database): AsyncGenerator<readonly UserView[]> {
  for (let after: Position | undefined; ; ) {
    const rows = await page(database, after, EXPORT_PAGE);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(view);
    after = positionOf(last);
  }
}

function page(database: Database, after: Position | undefined, limit: number): Promise<readonly UserRow[]> {
  return read(
    database.em().find(UserRow, after === undefined ? { email: { $ne: null } } : beyond(after), {
      orderBy: { createdAt: 'desc', id: 'desc' },
      limit,
      disableIdentityMap: true,
    }),
  );
}

/** The bound on the time alone is what the index is entered by. */
function beyond([time, id]: Position): FilterQuery<UserRow> {
  const createdAt = new Date(time);
  return { createdAt: { $lte: createdAt }, $or: [{ createdAt: { $lt: createdAt } }, { createdAt, id: { $lt: id } }] };
}

function positionOf({ createdAt, id }: UserRow): Position {
  return [createdAt.getTime(), id];
}

function view(row: UserRow): UserView {
  const address = row.address === null || row.address === undefined ? null : (JSON.parse(row.address) as Address);
  return viewUser(row.id, { ...row, address });
}
