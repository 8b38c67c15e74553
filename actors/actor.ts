// What an actor is: an identity with state and rules, written as four pure functions.
//
//   command ──decide──► events ──evolve──► state ──check──► (invariants hold)
//                          └────react───► sends, public events, work, timers
//
// Nothing here or in any actor reads a clock, draws a random number or waits: time and ids arrive inside the command.
// The host (`mixins/host.ts`) loads, runs and commits; an actor only says what is true.

/** A command or an event: a word of the domain and its content. Plain JSON, so that it survives any store and wire. */
export interface Message {
  readonly type: string;
  readonly data: object;
}

/** A command as `decide` sees it: `at` is the time of its arrival, in milliseconds since 1970 UTC, stamped by the host. */
export type At<C extends Message> = C & { readonly at: number };

/** An expected "no", with a stable slug that callers may rely on. It changes nothing and is never retried. */
export interface Refusal {
  readonly refused: string;
  /** A sentence: what was wrong, where, and what would be right. */
  readonly detail: string;
  /** Machine-readable particulars, for instance one entry per order line. */
  readonly errors?: readonly object[];
}

/** What an event makes the outside do. Everything leaves through the outbox, in the commit of the event itself. */
export type Reaction =
  /** A command for another actor; `to` is its name in `actorNames`. */
  | { readonly kind: 'send'; readonly to: ActorName; readonly id: string; readonly command: Message }
  /** A public event: `topic` is its type; the host adds the aggregate's `version` to `data`. */
  | { readonly kind: 'publish'; readonly topic: string; readonly key: string; readonly data: object }
  /** Slow work outside (provider, mail), done by the actor's own service, repeated until it has a definite outcome. */
  | { readonly kind: 'perform'; readonly task: string; readonly data: object }
  /** A command to oneself, later. One timer per name; a second one with the name replaces the first. */
  | { readonly kind: 'timer'; readonly name: string; readonly afterMs: number; readonly command: Message }
  | { readonly kind: 'cancel-timer'; readonly name: string };

/** Every actor of the shop. The service that hosts each is in `brokers/hosting.ts`. */
export const actorNames = ['order', 'stock', 'payment', 'cart', 'product', 'user', 'notification'] as const;
export type ActorName = (typeof actorNames)[number];

/**
 * The rules of one kind of actor.
 *
 * An actor with `needs` has many rows (stock: one per SKU and reservation): its state is a slice, a record from row key
 * to row (`undefined`: there is none), and it sees exactly the keys that the command needs. All others have one state.
 */
export interface Actor<S, C extends Message, E extends Message> {
  readonly name: ActorName;
  readonly initial: S;
  /** The events that the command leads to; none if it is already fulfilled; a refusal if the rules forbid it. */
  decide(state: S, command: At<C>): readonly E[] | Refusal;
  evolve(state: S, event: E): S;
  /** Whom the event makes the actor tell what; `state` is the state after the event, `id` the actor's own id. */
  react(state: S, event: E, id: string): readonly Reaction[];
  /** Throws `InvariantViolated` if the state is one that must never be. Runs after each event, in production too. */
  check(state: S): void;
  needs?(command: C): readonly string[];
  /**
   * Commands that usually find no actor yet: a host may guess that there is none instead of asking. Its commit proves
   * the guess. Only for actors with one state.
   */
  readonly creates?: readonly C['type'][];
}

/** The state of an actor with many rows, as far as one command sees it. */
export type Slice<Row> = Readonly<Record<string, Row | undefined>>;

/**
 * A slice with the rows of all of these; later ones win. It has no prototype: its keys are data, of which an engine would
 * otherwise learn a new shape with each order.
 */
export function slice<Row>(...parts: readonly Slice<Row>[]): Slice<Row> {
  return Object.assign(Object.create(null) as Record<string, Row | undefined>, ...parts);
}

/** Says no, with a slug that is part of the interface and a sentence for people. */
export function refuse(refused: string, detail: string, errors?: readonly object[]): Refusal {
  return errors === undefined ? { refused, detail } : { refused, detail, errors };
}

/** Whether a decision, or an answer, is a refusal. */
export function isRefusal(decision: unknown): decision is Refusal {
  return typeof decision === 'object' && decision !== null && 'refused' in decision;
}

/** A state that must never be: a bug of ours, never the caller's fault. The command that led to it is not committed. */
export class InvariantViolated extends Error {
  override name = 'InvariantViolated';
}

/** States an invariant in words; `holds` false is a bug. */
export function invariant(holds: boolean, words: string): asserts holds {
  if (!holds) throw new InvariantViolated(words);
}

/** The end of every switch: an impossible message throws, it never falls through. */
export function unreachable(message: never): never {
  throw new InvariantViolated(`impossible message: ${JSON.stringify(message)}`);
}
