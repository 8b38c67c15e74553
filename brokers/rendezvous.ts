// Placement: one key goes to one node, by rendezvous hashing (Thaler and Ravishankar, 1998). Each node has a score for the
// key, the highest takes it; when a node comes or goes, only the keys it takes or held move. A hint for speed: ownership is
// proved by the version in the database, never by this.

import { Strategies } from 'moleculer';
import type { ActionEndpoint, Context, Endpoint } from 'moleculer';
import { fnv1a } from './fnv1a.ts';

/** Name under which every broker registers the strategy: a class does not travel in a schema. */
export const RENDEZVOUS = 'Rendezvous';

/** Options of a call that say where it goes. They belong to this one call; calls made by its handler have their own. */
export interface PlacementOptions {
  /** Calls with the same key go to the same node while the nodes stay the same. */
  readonly shardKey?: string;
  /** Nodes that have just failed at it: others are asked first. */
  readonly avoid?: readonly string[];
}

declare module 'moleculer' {
  interface CallingOptions extends PlacementOptions {}
}

/** Spreads every bit of a hash over all others (the finaliser of MurmurHash3): scores of similar names must not be similar. */
function avalanche(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The node that a key belongs to; equal scores go to the name that sorts first, so that all callers agree.
 * @throws RangeError if there is no node
 */
export function ownerOf(key: string, nodes: readonly string[]): string {
  let owner: string | undefined;
  let best = -1;
  for (const node of nodes) {
    const score = avalanche(fnv1a(node, '\n', key));
    if (score > best || (score === best && node < (owner as string))) {
      owner = node;
      best = score;
    }
  }
  if (owner === undefined) throw new RangeError('no node is there to own a key');
  return owner;
}

/** Sends calls with a shard key to the key's node, and others to each node in turn. */
export class RendezvousStrategy extends Strategies.Base {
  #turn = 0;

  /** `list` holds the nodes that are alive and whose circuit is closed; it is never empty. */
  override select(list: (ActionEndpoint | Endpoint)[], ctx?: Context): ActionEndpoint | Endpoint {
    const { shardKey, avoid = [] } = (ctx?.options ?? {}) as PlacementOptions;
    const others = avoid.length === 0 ? list : list.filter(({ id }) => !avoid.includes(id));
    // Better the node that has just failed than none.
    const candidates = others.length === 0 ? list : others;
    if (shardKey === undefined) return candidates[(this.#turn = (this.#turn + 1) % candidates.length)] as Endpoint;
    const owner = ownerOf(
      shardKey,
      candidates.map(({ id }) => id),
    );
    return candidates.find(({ id }) => id === owner) as Endpoint;
  }
}
