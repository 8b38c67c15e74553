// Makes a Moleculer service the host of an actor: opens its store when the service starts, takes commands of other
// actors at `receive`, sends what its outbox holds, and drains when the service stops.

import { Ajv, type ValidateFunction } from 'ajv';
import type { Context, Service } from 'moleculer';
import type { Actor, Message } from '../actors/actor.ts';
import type { EventLog } from '../brokers/event-log.ts';
import { type Delivery, type DeliveryAnswer, serviceOf } from '../brokers/hosting.ts';
import { RECEIVING } from './bulkheads.ts';
import { createHost, type Host } from './host.ts';
import { deliver, type Placed, placed } from './placed.ts';
import type { Transport } from './relay.ts';
import type { AnySchema, SchemaOf } from './service-schema.ts';
import type { ActorStore } from './store.ts';

/** Deliveries of one `receive` call; more is a bug of the sender. */
export const DELIVERIES_MAX = 1_000;

/** How long deliveries may take, in milliseconds; a host waits 5 s for an absent database before it answers `retry`. */
export const RECEIVE_WITHIN_MS = 10_000;

/** What a service that hosts an actor has besides Moleculer's own. */
export interface Hosting<S, C extends Message> extends Service {
  host: Host<S, C>;
  /** The hosts of all nodes of this service: commands that did not come for this node go through it to their owners. */
  placed: Placed;
  store: ActorStore;
}

/** Does one task of an actor to its definite end; rejects to be called again. */
export type Perform = (data: never, sender: string, messageId: string) => Promise<void>;

export interface HostsOptions<S, C extends Message, E extends Message> {
  readonly actor: Actor<S, C, E>;
  /** JSON Schema of each command's data. Commands that fit none are parked. */
  readonly commands: Readonly<Record<C['type'], object>>;
  readonly store: (service: Service) => Promise<ActorStore>;
  /** Ends what `store` has opened, if it has. Called when the host has nothing left to do. */
  readonly close?: (service: Service) => Promise<void> | undefined;
  readonly log: () => Promise<EventLog>;
  readonly alert: (what: string, particulars: object) => void;
  /** Tasks of `perform` reactions, bound to the service. */
  readonly perform?: (service: Service) => Readonly<Record<string, Perform>>;
  readonly timers?: boolean;
  /** How long a busy lane gathers commands that no caller waits for, in milliseconds. */
  readonly gatherMs?: number;
}

/** The mixin. `this.host` is there from `started()` of the service on. */
export function hosts<S, C extends Message, E extends Message>(options: HostsOptions<S, C, E>): Partial<AnySchema> {
  const { actor, alert } = options;
  const validators = compile(options.commands);
  const schema: Partial<SchemaOf<Hosting<S, C>>> = {
    // Moleculer runs the `started` of mixins before the service's own.
    async started(this: Hosting<S, C>) {
      this.store = await options.store(this);
      const tasks = options.perform?.(this) ?? {};
      const log = await options.log();
      this.host = createHost({
        actor,
        store: this.store,
        transport: transportOf(this, log, tasks),
        alert,
        timers: options.timers === true,
        gatherMs: options.gatherMs ?? 0,
      });
      // Asked for at each use: the host's methods may be wrapped.
      this.placed = placed(this.broker, this.name, { receive: (deliveries) => this.host.receive(deliveries) });
      await this.host.start();
    },
    async stopped(this: Hosting<S, C>) {
      // The start may have failed before there was a host. Moleculer runs the `stopped` of the service itself before this one,
      // so what the host writes to until its last acknowledgement is closed here.
      await (this as Partial<Hosting<S, C>>).host?.stop();
      await options.close?.(this);
    },
    actions: {
      /** Commands from other actors' outboxes, each with an answer. Not published at the gateway. */
      receive: {
        visibility: 'public',
        timeout: RECEIVE_WITHIN_MS,
        bulkhead: RECEIVING,
        async handler(
          this: Hosting<S, C>,
          ctx: Context<{ deliveries: readonly Delivery[] }>,
        ): Promise<readonly DeliveryAnswer[]> {
          const { deliveries } = ctx.params;
          const faults = deliveries.map((delivery) => fault(validators, delivery));
          if (faults.every((reason) => reason === undefined)) return await this.host.receive(deliveries);
          return await Promise.all(
            deliveries.map(async (delivery, i): Promise<DeliveryAnswer> => {
              const reason = faults[i];
              if (reason === undefined) return (await this.host.receive([delivery]))[0] as DeliveryAnswer;
              await this.store.park({
                id: delivery.id,
                commandId: delivery.commandId,
                command: delivery.command,
                reason,
              });
              return { parked: reason };
            }),
          );
        },
      },
    },
  };
  return schema;
}

function compile(commands: Readonly<Record<string, object>>): ReadonlyMap<string, ValidateFunction> {
  const ajv = new Ajv({ strict: true, allowUnionTypes: true });
  return new Map(Object.entries(commands).map(([type, schema]) => [type, ajv.compile(schema)]));
}

/** Why a delivery can never be handled; undefined if it can. */
function fault(validators: ReadonlyMap<string, ValidateFunction>, { command }: Delivery): string | undefined {
  const validate = validators.get(command.type);
  if (validate === undefined) return `unknown command ${command.type}`;
  if (validate(command.data)) return undefined;
  const [first] = validate.errors ?? [];
  return `${command.type}${first?.instancePath ?? ''} ${first?.message ?? 'does not fit its schema'}`;
}

function transportOf(service: Service, log: EventLog, tasks: Readonly<Record<string, Perform>>): Transport {
  return {
    deliver: (to, deliveries) => deliver(service.broker, serviceOf[to], deliveries),
    publish: (events) => log.append(events),
    async perform(task, data, sender, messageId) {
      const perform = tasks[task];
      if (perform === undefined) throw new Error(`no task ${task} in ${service.name}`);
      await perform(data as never, sender, messageId);
    },
  };
}
