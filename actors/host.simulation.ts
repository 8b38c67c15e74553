// The host of the simulation: what `mixins/host.ts` promises, in a hundred lines, and with every fault it must survive.
//
//   deliver ─► known id? ─► decide, evolve, check, react ─► commit ─► outbox ─► agenda
//      ▲                        ▲ sometimes first on a stale state, which the fence refuses
//      └── away, or the answer is lost: again
//
// It knows the actors by their interface only, and remembers everything that happened for the invariants.

import {
  type Actor,
  type ActorName,
  isRefusal,
  type Message,
  type Reaction,
  type Refusal,
  type Slice,
} from './actor.ts';
import type { Agenda, Chance, Item } from './scheduler.simulation.ts';

/** One thing that happened to an actor. */
export interface Entry {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An actor of the simulation with all it has been through. */
export interface Instance {
  readonly id: string;
  readonly rules: Actor<unknown, Message, Message>;
  version: number;
  state: unknown;
  /** The state one commit ago: what a node that was not told still believes. */
  stale: unknown;
  readonly handled: Set<string>;
  readonly journal: Entry[];
}

/** A command on its way. */
export interface Envelope {
  readonly to: ActorName;
  readonly id: string;
  readonly command: Message;
  readonly commandId: string;
  /** Came from an actor, the log or the provider, not from a person: nothing of it may be refused. */
  readonly inner: boolean;
  readonly pair?: string;
}

/** Everything that leaves an actor and is no command. */
export interface Outside {
  publish(topic: string, data: object, eventId: string, due: number): void;
  perform(task: string, data: object, due: number): void;
  /** After each commit: what happened, and what the actor has come to. */
  committed(instance: Instance, events: readonly Message[]): void;
}

export type Fault = 'repeated' | 'repeated under a new id' | 'away' | 'stale' | 'crashed' | 'slow';

/** What a run says that was not so. */
export class Violation extends Error {
  override name = 'Violation';
}

/** States something that must be so in every run. */
export function demand(holds: boolean, words: () => string): asserts holds {
  if (!holds) throw new Violation(words());
}

/** Milliseconds after which a slow message, a repeat or a sweep may come. */
const SLOW_MS = 40_000;
const QUICK_MS = 400;

export interface SimulatedHost {
  readonly instances: ReadonlyMap<string, Instance>;
  readonly faults: Record<Fault, number>;
  /** Commands that took effect. */
  commits(): number;
  /** Puts a command on its way, to arrive at `due` or some time. */
  send(envelope: Envelope, due?: number): void;
}

/** A host for the given rules. `trace` hears of everything. */
export function hostOf(
  rules: Readonly<Record<string, Actor<unknown, Message, Message>>>,
  {
    agenda,
    chance,
    outside,
    trace,
  }: {
    readonly agenda: Agenda;
    readonly chance: Chance;
    readonly outside: Outside;
    readonly trace: ((line: () => string) => void) | undefined;
  },
): SimulatedHost {
  const instances = new Map<string, Instance>();
  const timers = new Map<string, Item>();
  const faults = { repeated: 0, 'repeated under a new id': 0, away: 0, stale: 0, crashed: 0, slow: 0 };
  let commits = 0;
  let minted = 0;

  const happens = (fault: Fault, likelihood: number): boolean => {
    if (!chance.percent(likelihood)) return false;
    faults[fault]++;
    trace?.(() => `${agenda.now()} ! ${fault}`);
    return true;
  };
  const later = (): number => agenda.now() + chance.below(happens('slow', 8) ? SLOW_MS : QUICK_MS);

  function instanceOf(to: ActorName, id: string): Instance {
    const key = `${to}/${id}`;
    const known = instances.get(key);
    if (known !== undefined) return known;
    const actor = rules[to];
    demand(actor !== undefined, () => `nobody hosts ${key}`);
    const { initial } = actor;
    const instance: Instance = {
      id,
      rules: actor,
      version: 0,
      state: initial,
      stale: initial,
      handled: new Set(),
      journal: [],
    };
    instances.set(key, instance);
    return instance;
  }

  function send(envelope: Envelope, due = later()): void {
    const { pair } = envelope;
    const item: Item = { due, ...(pair === undefined ? {} : { pair }), run: () => arrives(envelope, item) };
    agenda.add(item);
  }

  /** False: nobody was there, and the command waits on in its place. */
  function arrives(envelope: Envelope, item: Item): boolean {
    if (happens('away', 4)) {
      item.due = later();
      return false;
    }
    tell(envelope);
    const { pair: _, ...copy } = envelope;
    if (happens('repeated', 8)) send(copy);
    else if (envelope.inner && happens('repeated under a new id', 3)) send({ ...copy, commandId: `again-${++minted}` });
    return true;
  }

  function tell({ to, id, command, commandId, inner }: Envelope): void {
    const instance = instanceOf(to, id);
    if (instance.handled.has(commandId)) return;
    if (happens('stale', 8)) attemptInVain(instance, command);
    const outcome = attempt(instance, instance.state, command);
    if ('refused' in outcome) {
      trace?.(() => `${agenda.now()} ${to}/${id} refuses ${command.type}: ${outcome.detail}`);
      demand(!inner, () => `${to} ${id} refuses ${command.type}: ${outcome.detail}`);
      return;
    }
    if (outcome.events.length > 0) commit(instance, outcome, commandId);
  }

  /** Another node decides on what it last knew; the fence lets nothing of it pass, neither its effect nor its messages. */
  function attemptInVain(instance: Instance, command: Message): void {
    try {
      attempt(instance, instance.stale, command);
    } catch {
      // What fails on a stale state is tried again on the true one before anybody is told.
    }
  }

  type Outcome = {
    readonly state: unknown;
    readonly events: readonly Message[];
    readonly reactions: readonly Reaction[];
  };

  function attempt({ rules: actor, id }: Instance, whole: unknown, command: Message): Outcome | Refusal {
    const keys = actor.needs?.(command);
    const slice =
      keys === undefined ? whole : Object.fromEntries(keys.map((key) => [key, (whole as Slice<unknown>)[key]]));
    const events = actor.decide(slice, { ...command, at: agenda.now() });
    if (isRefusal(events)) return events;
    let state = slice;
    const reactions: Reaction[] = [];
    for (const event of events) {
      state = actor.evolve(state, event);
      actor.check(state);
      reactions.push(...actor.react(state, event, id));
    }
    return { state: keys === undefined ? state : { ...(whole as object), ...(state as object) }, events, reactions };
  }

  function commit(instance: Instance, { state, events, reactions }: Outcome, commandId: string): void {
    instance.stale = instance.state;
    instance.state = state;
    instance.version++;
    instance.handled.add(commandId);
    instance.journal.push(...(events as readonly Entry[]));
    commits++;
    const place = `${instance.rules.name}/${instance.id}/${instance.version}`;
    trace?.(
      () => `${agenda.now()} ${place}: ${events.map(({ type, data }) => `${type} ${JSON.stringify(data)}`).join(', ')}`,
    );
    outside.committed(instance, events);
    // A process that dies after its commit has sent nothing: another one sweeps the outbox, later.
    const swept = happens('crashed', 3) ? chance.below(SLOW_MS) : 0;
    leave(instance, reactions, place, swept);
  }

  function leave(instance: Instance, reactions: readonly Reaction[], place: string, delay: number): void {
    const sender = `${instance.rules.name}/${instance.id}`;
    reactions.forEach((reaction, n) => {
      const messageId = `${place}/${n}`;
      switch (reaction.kind) {
        case 'send': {
          const { to, id, command } = reaction;
          send(
            { to, id, command, commandId: messageId, inner: true, pair: `${sender} → ${to}/${id}` },
            later() + delay,
          );
          return;
        }
        case 'publish':
          return outside.publish(
            reaction.topic,
            { ...reaction.data, version: instance.version },
            messageId,
            later() + delay,
          );
        case 'perform':
          return outside.perform(reaction.task, reaction.data, later() + delay);
        case 'timer': {
          const timer = `${sender} ${reaction.name}`;
          const { command, afterMs } = reaction;
          const item: Item = {
            due: agenda.now() + afterMs,
            run() {
              timers.delete(timer);
              send({ to: instance.rules.name, id: instance.id, command, commandId: messageId, inner: true });
            },
          };
          timers.set(timer, item);
          agenda.add(item);
          return;
        }
        case 'cancel-timer': {
          const timer = timers.get(`${sender} ${reaction.name}`);
          if (timer !== undefined) agenda.remove(timer);
          return;
        }
      }
    });
  }

  return { instances, faults, commits: () => commits, send };
}
