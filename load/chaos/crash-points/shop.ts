// A small shop for crash points: the hosts, relays and consumers of production with the services' own translations, over
// stores, a log and a provider that outlive its processes. Whoever passes the chosen boundary dies there: says and hears
// nothing more, flushes nothing; a moment later another process starts on the same stores.
//
//   client ──► process { hosts, relays, consumers } ──► stores │ log │ ledger │ mails
//                 ✝ at the boundary ─► another one, on the same
//
// Run it in virtual time.

import type { Message } from '../../../actors/actor.ts';
import { cartActor, cartIdOfUser } from '../../../actors/cart.ts';
import { notificationActor } from '../../../actors/notification.ts';
import { orderActor } from '../../../actors/order.ts';
import { paymentActor } from '../../../actors/payment.ts';
import { stockActor } from '../../../actors/stock.ts';
import type { EventLog } from '../../../brokers/event-log.ts';
import { serviceOf } from '../../../brokers/hosting.ts';
import type { LogStorage } from '../../../brokers/log-storage.ts';
import { createMemoryLog, memoryStorage } from '../../../brokers/memory-log.ts';
import { Problem } from '../../../brokers/problem.ts';
import { consume } from '../../../mixins/consume.ts';
import { createHost, type Host } from '../../../mixins/host.ts';
import type { Mail, Mailer } from '../../../mixins/mailer.ts';
import { type MemoryStore, memoryStore } from '../../../mixins/memory-store.ts';
import type { PaymentProvider } from '../../../mixins/provider.ts';
import type { Transport } from '../../../mixins/relay.ts';
import type { ActorStore } from '../../../mixins/store.ts';
import { pause } from '../../../mixins/virtual-time.testing.ts';
import { send as sendMail, toCommand } from '../../../services/notifications/notifications.service.ts';
import { paymentReport } from '../../../services/orders/orders.service.ts';
import { tasks as paymentTasks, toCharge } from '../../../services/payments/payments.service.ts';
import { ledgerProvider } from './ledger-provider.ts';
import { passedHost, passedLog, passedMailer, passedProvider, type Pass } from './passing.ts';
import { boundary, type SagaActor, sagaActors } from './steps.ts';

/** How long whoever asks a process waits for it, in milliseconds: it may be dead. */
const PATIENCE_MS = 1_000;
/** Until another process starts where one died, in milliseconds. */
const RESTART_MS = 100;
/** Round trip to a store or another process, in milliseconds. */
const LAG_MS = 1;

const actors = {
  order: orderActor,
  stock: stockActor,
  payment: paymentActor,
  cart: cartActor,
  notification: notificationActor,
} as const;

type AnyHost = Host<unknown, Message>;

/** A process of the shop; dead, all that it waits for never comes. */
interface Process {
  isAlive: boolean;
  readonly hosts: ReadonlyMap<SagaActor, AnyHost>;
}

export type SmallShop = Awaited<ReturnType<typeof openShop>>;

/** Whoever passes the boundary for the nth time dies there. */
export interface CrashPoint {
  readonly boundary: string;
  readonly nth: number;
}

export interface ShopOptions {
  /** `together`: one process has all services, as in the embedded mode; `apart`: each has one, as in the cluster. */
  readonly processes: 'together' | 'apart';
  /** Where processes die, one after another: the next one is awaited from the death of the one before. */
  readonly crashes?: readonly CrashPoint[];
  /** Puts a bug back between the hosts and their stores, to show that it is found. */
  readonly spoil?: (store: ActorStore) => ActorStore;
  /** What the payment tokens are sealed with. */
  readonly key: Buffer;
}

const never = new Promise<never>(() => {});

/** Opens the shop; `close` it. */
export async function openShop({ processes, crashes: planned = [], spoil = (store) => store, key }: ShopOptions) {
  const stores = new Map(sagaActors.map((name) => [name, memoryStore(name)]));
  const storage = memoryStorage();
  const { ledger, provider, close: closeLedger } = ledgerProvider();
  const mails: Mail[] = [];
  const alerts: string[] = [];
  const passed = new Map<string, number>();
  const living = new Map<SagaActor, Process>();
  let crashes = 0;
  let passings = 0;
  let started = 0;

  const storeOf = (name: SagaActor) => stores.get(name) as MemoryStore;

  /** On the way from or to a process: a dead one says and hears nothing. */
  async function through<T>(process: Process, work: () => Promise<T>): Promise<T> {
    await pause(LAG_MS);
    if (!process.isAlive) await never;
    const result = await work();
    await pause(LAG_MS);
    if (!process.isAlive) await never;
    return result;
  }

  function gated<T extends object>(process: Process, port: T, names: readonly (keyof T)[]): T {
    const copy = { ...port };
    for (const name of names) {
      const work = port[name] as (...args: unknown[]) => Promise<unknown>;
      copy[name] = ((...args: unknown[]) => through(process, () => work(...args))) as T[typeof name];
    }
    return copy;
  }

  const gatedStore = (process: Process, store: ActorStore): ActorStore =>
    gated(process, store, ['load', 'commit', 'lease', 'unsent', 'unsentOf', 'acknowledge', 'due', 'park', 'journal']);

  function gatedStorage(process: Process, pass: Pass): LogStorage {
    const gate = gated(process, storage, ['append', 'read', 'ends', 'claim', 'release', 'advance', 'seek', 'bury']);
    return {
      ...gate,
      async advance(group, positions) {
        const names = positions.map(({ topic }) => `${group} ← ${topic}`);
        for (const name of names) await pass(boundary('before', 'position', name));
        await gate.advance(group, positions);
        for (const name of names) await pass(boundary('after', 'position', name));
      },
    };
  }

  /** Whoever asks waits, but not for ever. */
  function patiently<T>(work: Promise<T>): Promise<T> {
    return Promise.race([
      work,
      pause(PATIENCE_MS).then(() => {
        throw new Problem('unavailable', 'no answer');
      }),
    ]);
  }

  async function start(names: readonly SagaActor[]): Promise<void> {
    const hosts = new Map<SagaActor, AnyHost>();
    const self: Process = { isAlive: true, hosts };
    const holder = `process-${(started += 1)}`;

    const pass: Pass = async (where) => {
      if (!self.isAlive) await never;
      passed.set(where, (passed.get(where) ?? 0) + 1);
      const next = planned[crashes];
      if (where !== next?.boundary || (passings += 1) < next.nth) return;
      crashes += 1;
      passings = 0;
      self.isAlive = false;
      for (const name of names) living.delete(name);
      void pause(RESTART_MS).then(() => start(names));
      await never;
    };

    const log = passedLog(createMemoryLog({ storage: gatedStorage(self, pass) }), pass);
    const alert = (what: string, particulars: object) => {
      if (self.isAlive) alerts.push(`${what} ${JSON.stringify(particulars)}`);
    };
    const parts = {
      provider: passedProvider(gated(self, provider, ['charge', 'void', 'refund']), pass),
      mailer: passedMailer(gated(self, mailer, ['send']), pass),
    };
    for (const name of names) hosts.set(name, startHost(name, { self, holder, log, alert, pass, parts, hosts }));
    for (const name of names) living.set(name, self);
    await Promise.all([...hosts.values()].map((host) => host.start()));
    for (const name of names) void subscribe(name, log, hosts.get(name) as AnyHost);
  }

  const mailer: Mailer = {
    async send(mail) {
      mails.push(mail);
    },
    async close() {},
  };

  interface Made {
    readonly self: Process;
    readonly holder: string;
    readonly log: EventLog;
    readonly alert: (what: string, particulars: object) => void;
    readonly pass: Pass;
    readonly parts: { readonly provider: PaymentProvider; readonly mailer: Mailer };
    readonly hosts: ReadonlyMap<SagaActor, AnyHost>;
  }

  function startHost(name: SagaActor, made: Made): AnyHost {
    const { self, holder, log, alert, pass, parts } = made;
    const store = gatedStore(self, spoil(storeOf(name)));
    const transport: Transport = {
      deliver: (to, deliveries) => through(self, () => patiently(hostOf(to as SagaActor).receive(deliveries))),
      publish: (events) => log.append(events),
      async perform(task, data, sender, messageId) {
        const perform = performs(name, store, made)[task];
        if (perform === undefined) throw new Error(`nobody does ${task} for ${name}`);
        await perform(data as never, sender, messageId);
      },
    };
    return passedHost<unknown, Message, Message>(
      createHost,
      { actor: actors[name], store, transport, alert, holder, timers: name === 'order' },
      pass,
    );

    function performs(actor: SagaActor, port: ActorStore, { hosts }: Made) {
      const host = hosts.get(actor);
      if (actor === 'payment')
        return paymentTasks(
          { host: host as never, store: port },
          { provider: () => parts.provider, secret: () => key, alert },
        ) as Tasks;
      if (actor === 'notification')
        return {
          mail: (mail: Mail, id: string) => sendMail({ store: port }, { mailer: () => parts.mailer, alert }, mail, id),
        } as Tasks;
      return {} as Tasks;
    }
  }

  /** Consumers as their services begin them. */
  async function subscribe(name: SagaActor, log: EventLog, host: AnyHost): Promise<void> {
    const group = serviceOf[name];
    if (name === 'order')
      await consume(log, host, { group, topics: ['payment.succeeded', 'payment.failed'], command: paymentReport });
    if (name === 'payment') await consume(log, host, { group, topics: ['payment.requested'], command: toCharge });
    if (name === 'notification')
      await consume(log, host, {
        group,
        topics: ['order.created', 'payment.succeeded', 'payment.failed'],
        command: toCommand,
      });
    // The carts look up in an index who holds the product; here it is one user's cart.
    if (name === 'cart')
      await consume(log, host, {
        group,
        topics: ['product.deleted'],
        command: ({ data }) => ({
          id: cartIdOfUser('ada'),
          command: { type: 'RemoveProduct', data: { productId: (data as { productId: string }).productId } },
        }),
      });
  }

  /** The living host of an actor. @throws Problem, retryable, if nobody is there */
  function hostOf(name: SagaActor): AnyHost {
    const host = living.get(name)?.hosts.get(name);
    if (host === undefined) throw new Problem('unavailable', `nobody hosts ${name} just now`);
    return host;
  }

  if (processes === 'together') await start(sagaActors);
  else await Promise.all(sagaActors.map((name) => start([name])));
  const outside = createMemoryLog({ storage });

  return {
    storeOf,
    storage,
    ledger,
    mails,
    alerts,
    passed,
    hostOf,
    patiently,
    crashes: () => crashes,
    /** Appends as a service would that is not part of this shop. */
    append: outside.append,
    async close() {
      for (const process of new Set(living.values())) process.isAlive = false;
      await outside.close();
      closeLedger();
    },
  };
}

type Tasks = Readonly<Record<string, ((data: never, sender: string, messageId: string) => Promise<void>) | undefined>>;
