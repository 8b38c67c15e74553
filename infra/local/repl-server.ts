// The shop's side of the REPL: the socket that `npm run repl` joins by, and what it can ask of the hosts that no action
// of the services tells: what waits in mailboxes and outboxes.

import { join } from 'node:path';
import type { ServiceBroker, ServiceSchema } from 'moleculer';
import type { Hosting } from '../../mixins/hosts.mixin.ts';
import { BUCKETS, type StoredOutgoing } from '../../mixins/store.ts';
import { fitsSocket, SocketHub } from './socket-transporter.ts';

/** Rows of one outbox that are looked at; more is told as "at least". */
const ROWS_MAX = 10_000;
const allBuckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

/** What an actor's host is doing. */
export interface ActorLine {
  readonly actor: string;
  readonly service: string;
  readonly waiting: number;
  readonly cached: number;
  readonly outbox: number;
  readonly parked: number;
}

/** What of an outbox has not left. */
export interface OutboxLine {
  readonly actor: string;
  readonly kind: string;
  readonly target: string;
  readonly messages: number;
  readonly oldestMs: number;
}

/** Where the socket of a shop lies. */
export function replSocket(dataDir: string): string {
  return join(dataDir, 'repl.sock');
}

/** The broker option that opens the shop's socket; none if the data folder lies too deep for one. */
export function replTransporter(dataDir: string): { readonly transporter?: SocketHub } {
  const path = replSocket(dataDir);
  return fitsSocket(path) ? { transporter: new SocketHub(path) } : {};
}

type Host = Pick<Hosting<unknown, never>, 'name' | 'host' | 'store'>;

/** The services of this node that host an actor. */
function hostsOf(broker: ServiceBroker): readonly Host[] {
  return broker.services.filter((service) => 'host' in service && 'store' in service) as unknown as readonly Host[];
}

const unsent = ({ store }: Host): Promise<readonly StoredOutgoing[]> => store.unsent(allBuckets, 0, ROWS_MAX);

/** A service for the REPL only: the gateway has no route to it. */
export const replService: ServiceSchema = {
  name: 'repl',
  actions: {
    actors: {
      visibility: 'public',
      handler(): readonly ActorLine[] {
        return hostsOf(this.broker).map(({ name, host, store }) => ({
          actor: store.actor,
          service: name,
          ...host.stats(),
        }));
      },
    },

    outbox: {
      visibility: 'public',
      async handler(): Promise<readonly OutboxLine[]> {
        const all = await Promise.all(hostsOf(this.broker).map(async (host) => ({ host, rows: await unsent(host) })));
        return all.flatMap(({ host, rows }) =>
          [...Map.groupBy(rows, ({ kind, target }) => `${kind} ${target}`).values()].flatMap((group) => {
            const [oldest] = group;
            if (oldest === undefined) return [];
            const { kind, target, at } = oldest;
            return [{ actor: host.store.actor, kind, target, messages: group.length, oldestMs: Date.now() - at }];
          }),
        );
      },
    },

    /** What has not left yet and concerns this actor: `payment/<id> ─► order/<id>: RecordOutcome`. */
    waits: {
      visibility: 'public',
      async handler({ params: { id } }: { readonly params: { readonly id: string } }): Promise<readonly string[]> {
        const all = await Promise.all(hostsOf(this.broker).map(async (host) => ({ host, rows: await unsent(host) })));
        return all.flatMap(({ host, rows }) =>
          rows
            .filter(({ sender, key, body }) => [sender, key].includes(id) || body.includes(`"${id}"`))
            .map(({ sender, kind, target, key, body }) => {
              const what =
                kind === 'send' ? `${target}/${key}: ${(JSON.parse(body) as { type: string }).type}` : target;
              return `${host.store.actor}/${sender} ─${kind}─► ${what}`;
            }),
        );
      },
    },
  },
};
