// Looks at messages: none waits in an outbox for long, and the newest orders' commands were taken by stock in the order in
// which they were sent. What was marked as sent and never arrived is found by its effect (`money.ts`): reading every
// topic beside its consumers would cost as much as these do.
//
//   outboxes: the oldest that wait ─► too old?        inbox of stock: the commands of an order ─► in the sender's order?

import type { Reader } from '../../mixins/postgres/reader.ts';
import { newestOrders } from './newest-orders.ts';
import { type Inspector, type Look, type Suspicion, together } from './suspicion.ts';

const contexts = ['orders', 'inventory', 'payments'] as const;
/** The oldest messages that are looked at, of each context. */
const OLDEST = 200;
/** Orders whose deliveries are compared at a time. */
const SLICE = 50;
export interface OutboxInspector extends Inspector {
  /** Age of the oldest message that waits, in milliseconds, by context. */
  lagMs(): ReadonlyMap<string, number>;
}

export interface OutboxInspectorOptions {
  readonly reader: Reader;
  /** A message that waits longer is no traffic but a fault, in milliseconds. */
  readonly lagMaxMs: number;
}

interface Waiting {
  readonly kind: string;
  readonly target: string;
  readonly age_ms: string;
  readonly messages: number;
  readonly example: string;
}

interface Taken {
  readonly command_id: string;
  readonly actor_id: string;
  readonly version: string;
}

/** Begins to look. */
export function inspectOutboxes({ reader, lagMaxMs }: OutboxInspectorOptions): OutboxInspector {
  const lags = new Map<string, number>();
  // Only the newest: inboxes forget, and what is out of order stays so, it is no fault that comes later.
  const newest = newestOrders(reader, SLICE);
  let roundMs: number | undefined;

  /** What waits too long, by where it goes: a target that is away is one fault, however many messages wait for it. */
  async function lookAtLag(): Promise<Look> {
    const suspicions: Suspicion[] = [];
    // An outbox that is empty was looked at, too.
    let looked = contexts.length;
    for (const context of contexts) {
      const rows = await reader.read<Waiting>(
        `with oldest as (
           select kind, target, key, extract(epoch from now() - stored_at) * 1000 as age
           from ${context}.outbox where sent_at is null order by seq limit ?
         )
         select kind, target, max(age)::bigint as age_ms, count(*)::int as messages, min(key) as example
         from oldest group by kind, target`,
        [OLDEST],
      );
      lags.set(context, Math.max(0, ...rows.map(({ age_ms }) => Number(age_ms))));
      for (const { kind, target, age_ms, messages, example } of rows) {
        looked += messages;
        if (Number(age_ms) <= lagMaxMs) continue;
        const waited = Math.round(Number(age_ms) / 1_000);
        suspicions.push({
          invariant: 'I8',
          subject: context,
          rule: `${kind} ${target}`,
          sentence: `${messages} messages of ${context} wait to ${kind} ${target} (one for ${example}), the oldest for ${waited} s`,
          state: '',
          afterMs: 0,
        });
      }
    }
    return { subjects: contexts, suspicions, checked: { I8: looked } };
  }

  async function lookAtDeliveries(ids: readonly string[]): Promise<Look> {
    if (ids.length === 0) return { subjects: [], suspicions: [], checked: {} };
    const rows = await reader.read<Taken>(
      `select i.command_id, i.actor_id, i.version
       from (select value collate "C" as id from json_array_elements_text(?::json)) w cross join lateral (
         select command_id, actor_id, version from inventory.inbox
         where command_id > 'order/' || w.id || '/' and command_id < 'order/' || w.id || '0'
       ) i`,
      [JSON.stringify(ids)],
    );
    const byOrder = Map.groupBy(rows, ({ command_id }) => command_id.split('/')[1] ?? '');
    const suspicions = [...byOrder].flatMap(([id, taken]) => disordered(id, taken));
    return { subjects: ids.map(subjectOf), suspicions, checked: { I8: rows.length } };
  }

  return {
    name: 'outboxes',
    async step(again, now) {
      const startedAt = performance.now();
      const due = again.flatMap((subject) => (subject.startsWith(ORDER) ? [subject.slice(ORDER.length)] : []));
      const looks = [await lookAtLag(), await lookAtDeliveries([...new Set([...due, ...(await newest(now))])])];
      roundMs = performance.now() - startedAt;
      return together(looks);
    },
    lastCycleMs: () => roundMs,
    lagMs: () => lags,
  };
}

const ORDER = 'order ';
const subjectOf = (id: string): string => `${ORDER}${id}`;

/** Commands that an actor took before others which their sender had sent earlier. */
export function disordered(orderId: string, taken: readonly Taken[]): readonly Suspicion[] {
  return [...Map.groupBy(taken, ({ actor_id }) => actor_id)].flatMap(([actor, commands]) => {
    const sent = commands
      .map(({ command_id, version }) => ({ place: placeOf(command_id), version: Number(version) }))
      .toSorted((a, b) => a.place.reduce((order, part, i) => order || part - (b.place[i] as number), 0));
    const wrong = sent.some(({ version }, i) => i > 0 && version < (sent[i - 1]?.version as number));
    if (!wrong) return [];
    return [
      {
        invariant: 'I8',
        subject: subjectOf(orderId),
        rule: `order at ${actor}`,
        sentence: `stock ${actor} took the commands of order ${orderId} in another order than they were sent in`,
        state: '',
        afterMs: 0,
      } as const,
    ];
  });
}

/** Version, index and number of a message of an order: `order/<id>/<version>/<index>/<n>`. */
function placeOf(commandId: string): readonly number[] {
  return commandId.split('/').slice(-3).map(Number);
}
