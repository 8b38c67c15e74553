// The newest orders that were not looked at, by the index on their time. Of more than there is room for, the newest: those
// between are left to the rounds.

import type { Reader } from '../../mixins/postgres/reader.ts';

/** Orders younger than this have hardly been paid yet, in milliseconds. */
const SETTLED_AFTER_MS = 2_000;
/** How far back those go that count as new when the probe begins, in milliseconds. */
const NEW_MS = 60_000;

/** @returns a function that gives the ids of up to `limit` new orders, each once. `now` in milliseconds since 1970. */
export function newestOrders(reader: Reader, limit: number): (now: number) => Promise<readonly string[]> {
  let seen: { readonly createdAt: number; readonly id: string } | undefined;
  return async (now) => {
    seen ??= { createdAt: now - NEW_MS, id: '' };
    const rows = await reader.read<{ id: string; created_at: string }>(
      `select id, created_at from orders.actors
       where created_at is not null and (created_at, id) > (?, ?::text collate "C") and created_at <= ?
       order by created_at desc, id desc limit ?`,
      [seen.createdAt, seen.id, now - SETTLED_AFTER_MS, limit],
    );
    const [newest] = rows;
    if (newest !== undefined) seen = { createdAt: Number(newest.created_at), id: newest.id };
    return rows.map(({ id }) => id);
  };
}
