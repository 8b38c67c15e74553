// Keeps up with the actors of a context that had done nothing before the run: each look reads only what has changed.
//
//   begin, once ─► who is older?        follow, at each look ─► versions ─► states of those whose version is another

import type { Ask } from './book-database.ts';
import type { ActorContext } from './books.ts';

export interface Follower<S> {
  readonly states: ReadonlyMap<string, S>;
  /** Learns who is older, if it does not know it yet. `ask` should be patient. */
  begin(ask: Ask): Promise<void>;
  /** Takes in what has changed; tells the ids. @throws Error before `begin` */
  follow(ask: Ask): Promise<readonly string[]>;
}

/** Follows the actors of a context from this time on, by PostgreSQL's clock in milliseconds since 1970. */
export function createFollower<S>(context: ActorContext, since: number): Follower<S> {
  const states = new Map<string, S>();
  const versions = new Map<string, number>();
  let older: ReadonlySet<string> | undefined;
  return {
    states,
    // No index leads from a time to actors, and times in the actors themselves are those of hosts, whose clocks may be
    // wrong on purpose: all of the inbox is read. On a database that has run for hours that takes longer than a look may,
    // so within looks none would ever succeed. The answer never changes, so it is asked once, before them.
    async begin(ask) {
      if (older !== undefined) return;
      const rows = await ask(
        `select distinct actor_id from ${context}.inbox where stored_at < to_timestamp($1::float8 / 1000)`,
        [since],
      );
      older = new Set(rows.map(({ actor_id }) => actor_id));
    },
    async follow(ask) {
      if (older === undefined) throw new Error(`nobody has asked yet who of ${context} is older`);
      const before = older;
      const known = await ask(`select id, version::float8 as version from ${context}.actors where state is not null`);
      const changed = known.filter(({ id, version }) => versions.get(id) !== version && !before.has(id));
      const found = await ask(
        `select id, version::float8 as version, state from ${context}.actors
         where id in (select jsonb_array_elements_text($1::jsonb) collate "C")`,
        [JSON.stringify(changed.map(({ id }) => id))],
      );
      for (const { id, version, state } of found) {
        states.set(id, JSON.parse(state) as S);
        versions.set(id, version);
      }
      return found.map(({ id }) => id);
    },
  };
}
