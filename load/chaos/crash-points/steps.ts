// Every step of the saga at whose boundary a process may end: the list is made from the code, so that none is forgotten.
//
//   command ─► commit ─► outbox ─┬─ delivery    ─► command of another actor ─► commit …          mark: "it has left"
//                                ├─ publication ─► topic ─► effect at a consumer ─► position
//                                └─ task        ─► call of the provider or the mail server
//
// Commands come from the schemas of the wire, which the compiler keeps complete; how each is given is said here, and again
// the compiler asks for it. Topics and consumers come from their own lists. What is passed and is not in the list fails a
// run, and so does what is in the list and is never passed.

import type { CartCommand } from '../../../actors/cart.ts';
import type { NotificationCommand } from '../../../actors/notification.ts';
import type { OrderCommand } from '../../../actors/order-messages.ts';
import type { PaymentCommand } from '../../../actors/payment.ts';
import type { StockCommand } from '../../../actors/stock.ts';
import { cartCommands } from '../../../brokers/commands/cart.ts';
import { notificationCommands } from '../../../brokers/commands/notification.ts';
import { orderCommands } from '../../../brokers/commands/order.ts';
import { paymentCommands } from '../../../brokers/commands/payment.ts';
import { stockCommands } from '../../../brokers/commands/stock.ts';
import { consumerGroups } from '../../../brokers/consumers.ts';
import { serviceOf } from '../../../brokers/hosting.ts';
import { topics, type TopicName } from '../../../brokers/topics.ts';

/** How a command comes to its actor: told by its own service, from a record of the log, by a timer, or sent by others. */
type Way = 'told' | 'consumed' | 'timer' | `by ${'order' | 'stock' | 'payment' | 'cart'}`;
type Ways<C extends { readonly type: string }> = Readonly<Record<C['type'], readonly Way[]>>;

const order: Ways<OrderCommand> = {
  Place: ['told'],
  RecordReserved: ['by stock'],
  RecordShortage: ['by stock'],
  RecordPayment: ['consumed'],
  Expire: ['timer'],
  Cancel: ['told'],
  Ship: ['told'],
  Deliver: ['told'],
  Refund: ['told'],
  RecordRefund: ['by payment'],
};
const stock: Ways<StockCommand> = {
  Receive: ['told'],
  WriteOff: ['told'],
  Reserve: ['by order'],
  Commit: ['by order'],
  Release: ['by order'],
  Return: ['by order'],
};
const payment: Ways<PaymentCommand> = {
  Prepare: ['by order'],
  Charge: ['consumed'],
  RecordOutcome: ['told'],
  Void: ['by order'],
  Refund: ['by order'],
  RecordRefund: ['told'],
};
const cart: Ways<CartCommand> = {
  SetLine: ['told'],
  RemoveLine: ['told'],
  RemoveOrdered: ['by order', 'by cart'],
  RemoveProduct: ['told'],
  Freeze: ['told'],
  Absorb: ['told'],
  Close: ['told'],
};
const notification: Ways<NotificationCommand> = { NoteOrder: ['consumed'], NoteOutcome: ['consumed'] };

/** The actors of the saga with how their commands come. */
const ways = { order, stock, payment, cart, notification };
export type SagaActor = keyof typeof ways;
export const sagaActors = Object.keys(ways) as readonly SagaActor[];

/** The commands of the wire. */
const commands: Readonly<Record<SagaActor, Readonly<Record<string, object>>>> = {
  order: orderCommands,
  stock: stockCommands,
  payment: paymentCommands,
  cart: cartCommands,
  notification: notificationCommands,
};

/** Work outside by the actor that asks for it, and the call that the work makes. */
const tasks = {
  'payment.charge': 'provider.charge',
  'payment.void': 'provider.void',
  'payment.refund': 'provider.refund',
  'notification.mail': 'mailer.send',
} as const;

/** Consumers that only draw a picture of what happened: nothing of the saga depends on them. */
const onlookers: readonly string[] = ['order-history', 'analytics'];

/** What a step does. `effect` and `position` are a consumer's: what a record leads to, and that it is behind it. */
export const stepKinds = ['commit', 'delivery', 'publication', 'task', 'call', 'mark', 'effect', 'position'] as const;
export type StepKind = (typeof stepKinds)[number];
export type Moment = 'before' | 'after';

const actorsWith = <T>(of: (actor: SagaActor) => readonly T[]): readonly T[] => sagaActors.flatMap(of);

const namesOf: Readonly<Record<Exclude<StepKind, 'mark' | 'position'>, readonly string[]>> = {
  commit: actorsWith((actor) => Object.keys(commands[actor]).map((type) => `${actor}.${type}`)),
  delivery: actorsWith((actor) =>
    Object.entries<readonly Way[]>(ways[actor])
      .filter(([, how]) => how.some((way) => way.startsWith('by ')))
      .map(([type]) => `${actor}.${type}`),
  ),
  publication: (Object.keys(topics) as TopicName[]).filter((topic) =>
    sagaActors.some((actor) => serviceOf[actor] === topics[topic].owner),
  ),
  task: Object.keys(tasks),
  call: Object.values(tasks),
  effect: Object.entries(consumerGroups)
    .filter(([group]) => !onlookers.includes(group))
    .flatMap(([group, { topics: taken }]) => taken.map((topic) => `${group} ← ${topic}`)),
};

/** All steps of a kind by name. */
export function stepsOf(kind: StepKind): readonly string[] {
  if (kind === 'mark') return [...namesOf.delivery, ...namesOf.publication, ...namesOf.task];
  return namesOf[kind === 'position' ? 'effect' : kind];
}

/** The services of whose processes one passes the step. */
export function servicesAt(kind: StepKind, name: string): readonly string[] {
  const [first = '', type = ''] = name.split('.');
  const isTopic = Object.hasOwn(topics, name);
  switch (kind) {
    case 'commit':
    case 'task':
      return [serviceOf[first as SagaActor]];
    case 'publication':
      return [topics[name as TopicName].owner];
    case 'call':
      return Object.entries(tasks)
        .filter(([, call]) => call === name)
        .map(([task]) => serviceOf[task.split('.')[0] as SagaActor]);
    case 'effect':
    case 'position':
      return [consumerGroups[name.split(' ')[0] ?? '']?.service ?? ''];
    case 'mark':
      if (isTopic) return servicesAt('publication', name);
      return Object.hasOwn(tasks, name) ? servicesAt('task', name) : servicesAt('delivery', name);
    case 'delivery':
      return ((ways[first as SagaActor] as Readonly<Record<string, readonly Way[]>>)[type] ?? [])
        .filter((way) => way.startsWith('by '))
        .map((way) => serviceOf[way.slice('by '.length) as SagaActor]);
  }
}

/** A boundary as one would say it: `after the commit of order.Place`. */
export function boundary(moment: Moment, kind: StepKind, name: string): string {
  return `${moment} the ${kind} of ${name}`;
}

/** Every boundary at which a process may end. */
export const boundaries: readonly string[] = stepKinds.flatMap(boundariesOf);

/** Both boundaries of all steps of a kind. */
function boundariesOf(kind: StepKind): readonly string[] {
  return stepsOf(kind).flatMap((name) => [boundary('before', kind, name), boundary('after', kind, name)]);
}

/** The boundaries that processes of this service can be ended at from within: where a position lies is the log's affair. */
export function boundariesAt(service: string): readonly string[] {
  return stepKinds
    .filter((kind) => kind !== 'position')
    .flatMap((kind) =>
      stepsOf(kind)
        .filter((name) => servicesAt(kind, name).includes(service))
        .flatMap((name) => [boundary('before', kind, name), boundary('after', kind, name)]),
    );
}
