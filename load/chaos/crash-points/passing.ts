// Tells of every boundary that a host, a log, a provider or a mailer passes. All of them are ports, so the order path knows
// nothing of it and is the same as ever; who wants to know puts these between.
//
//   host ─► store.commit │ store.acknowledge │ transport        services ─► log │ provider │ mailer
//             before ● after    before ● after    before ● after          before ● after

import type { Message } from '../../../actors/actor.ts';
import type { EventLog, LogRecord } from '../../../brokers/event-log.ts';
import type { Delivery } from '../../../brokers/hosting.ts';
import type { Host, HostOptions } from '../../../mixins/host.ts';
import type { Mailer } from '../../../mixins/mailer.ts';
import type { PaymentProvider } from '../../../mixins/provider.ts';
import type { Outgoing } from '../../../mixins/store.ts';
import { boundary, type Moment, type StepKind } from './steps.ts';

/**
 * Hears of a boundary. What it returns is waited for: one that never resolves stops whoever passed it there, as the end of
 * the process would.
 */
export type Pass = (boundary: string) => void | Promise<void>;

/** Command ids whose type is remembered until their commit; the oldest go first. A mailbox holds fewer. */
const REMEMBERED_MAX = 20_000;

/** Does something between the boundaries of its steps. */
async function between<T>(pass: Pass, kind: StepKind, names: readonly string[], work: () => Promise<T>): Promise<T> {
  const all = async (moment: Moment) => {
    for (const name of names) {
      const held = pass(boundary(moment, kind, name));
      if (held !== undefined) await held;
    }
  };
  await all('before');
  const result = await work();
  await all('after');
  return result;
}

/** The step that a message of the outbox leaves by. */
function stepOf(actor: string, { kind, target, body }: Pick<Outgoing, 'kind' | 'target' | 'body'>): string {
  if (kind === 'send') return `${target}.${(JSON.parse(body) as Message).type}`;
  return kind === 'publish' ? target : `${actor}.${target}`;
}

/** A host that tells. `make` makes it from its options, as `createHost` does. */
export function passedHost<S, C extends Message, E extends Message>(
  make: (options: HostOptions<S, C, E>) => Host<S, C>,
  options: HostOptions<S, C, E>,
  pass: Pass,
): Host<S, C> {
  const { actor, store, transport } = options;
  const types = new Map<string, string>();
  const remember = (commandId: string, { type }: { readonly type: string }) => {
    types.set(commandId, type);
    for (const oldest of types.keys()) if (types.size > REMEMBERED_MAX) types.delete(oldest);
  };

  const host = make({
    ...options,
    store: {
      ...store,
      commit(changes) {
        const names = changes.flatMap(({ handled }) =>
          handled.map(({ commandId }) => `${actor.name}.${types.get(commandId) ?? 'unknown'}`),
        );
        return between(pass, 'commit', names, () => store.commit(changes));
      },
      acknowledge(rows) {
        const names = rows.map((row) => stepOf(actor.name, row));
        return between(pass, 'mark', names, () => store.acknowledge(rows));
      },
      async due(buckets, limit) {
        const due = await store.due(buckets, limit);
        for (const { commandId, command } of due) remember(commandId, command);
        return due;
      },
    },
    transport: {
      deliver: (to, deliveries) =>
        between(
          pass,
          'delivery',
          deliveries.map(({ command }) => `${to}.${command.type}`),
          () => transport.deliver(to, deliveries),
        ),
      publish: (events) =>
        between(
          pass,
          'publication',
          events.map(({ topic }) => topic),
          () => transport.publish(events),
        ),
      perform: (task, data, sender, messageId) =>
        between(pass, 'task', [`${actor.name}.${task}`], () => transport.perform(task, data, sender, messageId)),
    },
  });

  return {
    ...host,
    tell(id, command, told) {
      remember(told.commandId, command);
      return host.tell(id, command, told);
    },
    receive(deliveries: readonly Delivery[]) {
      for (const { commandId, command } of deliveries) remember(commandId, command);
      return host.receive(deliveries);
    },
  };
}

/** A log that tells of the effects of its consumers. */
export function passedLog(log: EventLog, pass: Pass): EventLog {
  return {
    ...log,
    subscribe: (options) =>
      log.subscribe({
        ...options,
        handle: (records: readonly LogRecord[]) =>
          between(
            pass,
            'effect',
            records.map(({ topic }) => `${options.group} ← ${topic}`),
            () => options.handle(records),
          ),
      }),
  };
}

/** A provider that tells of its calls. */
export function passedProvider(provider: PaymentProvider, pass: Pass): PaymentProvider {
  const call = <T>(name: string, work: () => Promise<T>) => between(pass, 'call', [`provider.${name}`], work);
  return {
    ...provider,
    charge: (wish) => call('charge', () => provider.charge(wish)),
    void: (paymentId) => call('void', () => provider.void(paymentId)),
    refund: (wish) => call('refund', () => provider.refund(wish)),
  };
}

/** A mailer that tells of its mails. */
export function passedMailer(mailer: Mailer, pass: Pass): Mailer {
  return { ...mailer, send: (mail) => between(pass, 'call', ['mailer.send'], () => mailer.send(mail)) };
}
