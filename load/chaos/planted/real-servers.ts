// Bugs that need real servers to show: of the statements, of Kafka's positions, of connections, of the provider's process.
// Each is planted into every node of a cluster, together with the faults under which it costs somebody something.

import { bugs, inboxNotLookedUp, type PlantedBug, put } from '../../../mixins/planted-bugs.testing.ts';
import type { FaultKind } from '../faults/fault.ts';

export interface ServerBug extends PlantedBug {
  /** What goes wrong meanwhile; nothing: the bug shows in health. */
  readonly kinds: readonly FaultKind[];
  /** Whom it hits; none: anybody. */
  readonly target?: string;
  /** At least one of these must be found broken; 500 stands for answers by which the shop says that the fault is its own. */
  readonly breaks: readonly string[];
}

const statements = 'mixins/postgres/statements.ts';
const paymentsService = 'services/payments/payments.service.ts';

export const serverBugs: readonly ServerBug[] = [
  {
    number: 3,
    bug: 'PostgreSQL does not compare versions, nor do the keys of the journal',
    kinds: ['pause'],
    target: 'inventory',
    breaks: ['I5', 'I6', 'I8', 'I11'],
    changes: [
      put(statements, `where coalesce(l.version, 0) = w.expected and w.n not in`, `where w.n not in`),
      put(
        statements,
        `as j(n, id, version, index, type, data, command_id, at) join winners on winners.n = j.n\n`,
        `as j(n, id, version, index, type, data, command_id, at) join winners on winners.n = j.n\n  on conflict do nothing\n`,
      ),
    ],
  },
  {
    number: 4,
    bug: 'no dedup: PostgreSQL neither looks commands up nor keeps their ids apart',
    kinds: ['kill'],
    target: 'inventory',
    breaks: ['I5', 'I6', 'I9', 'I10'],
    changes: [
      inboxNotLookedUp,
      put(statements, `= w.expected and w.n not in (select n from known)`, `= w.expected`),
      put(
        statements,
        `from handled h join winners on winners.n = h.n\n`,
        `from handled h join winners on winners.n = h.n\n  on conflict do nothing\n`,
      ),
    ],
  },
  {
    number: 5,
    bug: 'no outbox: messages are sent from memory and are in no commit',
    kinds: ['kill'],
    target: 'orders',
    breaks: ['I8', 'L1'],
    changes: [put(statements, `join winners on winners.n = o.n\n`, `join winners on winners.n = o.n where false\n`)],
  },
  { ...bugs.markedBeforeSent, kinds: ['kill'], target: 'orders', breaks: ['I8', 'L1'] },
  {
    bug: 'an event is acknowledged before Kafka has it',
    kinds: ['kill'],
    target: 'orders',
    breaks: ['I8'],
    changes: [
      put(
        'mixins/kafka-log/publisher.ts',
        `    const sending = sendAll(fresh);\n`,
        `    const sending = new Promise((resolve) => setTimeout(resolve, 300)).then(() => sendAll(fresh));
    if (fresh.length > 0) return [];\n`,
      ),
    ],
  },
  {
    bug: 'ack before commit: a group’s position in Kafka runs ahead of what is done',
    kinds: ['kill'],
    target: 'notifications',
    breaks: ['I9'],
    changes: [
      put(
        'mixins/kafka-log/group.ts',
        `const moved = [...lanes.values()].filter((lane) => positionOf(lane) > lane.stored);`,
        `const moved = [...lanes.values()].filter((lane) => lane.next > lane.stored);`,
      ),
      put(
        'mixins/kafka-log/group.ts',
        `partition: lane.partition, offset: positionOf(lane) }));`,
        `partition: lane.partition, offset: lane.next }));`,
      ),
      put(
        'mixins/kafka-log/group.ts',
        `      await subscription.handle(records);\n`,
        `      advanceSoon();
      await new Promise((resolve) => setTimeout(resolve, 400));
      await subscription.handle(records);\n`,
      ),
    ],
  },
  {
    ...bugs.sentLongBeforeCommit,
    kinds: ['postgres-backend', 'kill'],
    breaks: ['I2', 'I4', 'I5', 'I6', 'I8'],
  },
  { ...bugs.answeredLongBeforeCommit, kinds: ['kill'], target: 'orders', breaks: ['I1', 'I10', 'I12'] },
  {
    number: 12,
    bug: 'work holds a connection of the pool while it needs another one',
    kinds: ['pause'],
    target: 'orders',
    // It breaks none of the invariants: nothing is promised to those who are answered 500.
    breaks: ['500'],
    changes: [
      put(
        'services/orders/orders.service.ts',
        `          await this.host.tell(id, { type: 'Place', data }, { commandId, fingerprint, isNew: !ctx.meta.keyed }),\n`,
        `          await this.database.em().transactional(async (em) => {
            await em.execute('select 1');
            await new Promise((resolve) => setTimeout(resolve, 50));
            await this.database.em().execute('select 1');
            return await this.host.tell(id, { type: 'Place', data }, { commandId, fingerprint, isNew: !ctx.meta.keyed });
          }),\n`,
      ),
    ],
  },
  {
    bug: 'each attempt is charged as a payment of its own',
    kinds: ['provider'],
    breaks: ['I3', 'I4', 'I7'],
    changes: [
      put(
        paymentsService,
        `provider.charge({ paymentId, orderId, token, amount`,
        `provider.charge({ paymentId: paymentId + '-' + crypto.randomUUID(), orderId, token, amount`,
      ),
    ],
  },
  {
    bug: 'DynamoDB is not asked whether an item is still the one that was read',
    kinds: ['pause'],
    target: 'carts',
    breaks: ['I12', 'I13'],
    changes: [
      put(
        'mixins/dynamodb/store.ts',
        `  if (before === undefined) return { ConditionExpression: 'attribute_not_exists(id)' };`,
        `  if (before !== null) return {};`,
      ),
    ],
  },
];
