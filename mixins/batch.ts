// One batch of a lane, without its commit: load what is missing, decide one command after another in memory, and say
// what has to be stored. Commands of one actor build on each other; a command that throws is taken out alone.

import { type Actor, type At, isRefusal, type Message, type Reaction, type Slice, slice } from '../actors/actor.ts';
import type { ActorCache } from './actor-cache.ts';
import type { Told } from './host.ts';
import {
  type ActorStore,
  bucketOf,
  type Change,
  type Handled,
  handledKey,
  type JournalEntry,
  type Loaded,
  type LoadRequest,
  type NewTimer,
  type Outgoing,
} from './store.ts';

/** A command in the queue of a lane, with whoever waits for its answer. */
export interface Entry<S, C extends Message> {
  readonly id: string;
  readonly command: At<C>;
  readonly commandId: string;
  readonly fingerprint?: string;
  readonly answer?: (state: S, version: number) => object;
  /** Name of the timer that fired it; the timer goes away in the same commit. */
  readonly timer: string | undefined;
  readonly resolve: (told: Told<S>) => void;
  readonly reject: (error: Error) => void;
  /** The command id is most likely new, so it is looked up only when something speaks against it. */
  readonly isNew?: boolean;
  attempts: number;
  pauses: number;
  /** An attempt went wrong: nothing is guessed any more. */
  doubted: boolean;
}

/** Whether the entry is decided on guesses. The commit proves them, but a refusal or a failure is no proof. */
export function isGuess<S, C extends Message>(entry: Entry<S, C>): boolean {
  return entry.isNew === true && !entry.doubted;
}

export type Outcome<S, C extends Message> =
  | { readonly entry: Entry<S, C>; readonly told: Told<S> }
  | { readonly entry: Entry<S, C>; readonly failed: Error };

/** The command id of a send, or the id of an event: its place in the sender's journal. */
export function messageIdOf(actor: string, id: string, version: number, index: number, n: number): string {
  return `${actor}/${id}/${version}/${index}/${n}`;
}

/** An actor while a batch works on it. */
interface Draft {
  readonly id: string;
  readonly expected: number;
  /** Others made the expected version, and may have sent what is not delivered. */
  readonly follows: boolean;
  version: number;
  state: unknown;
  /** Whether `state` differs from what is stored. */
  dirty: boolean;
  /** Rows as the batch sees them; actors with one state share a map that stays empty, and likewise `changed`. */
  readonly rows: Map<string, unknown>;
  readonly changed: Set<string>;
  readonly journal: JournalEntry[];
  readonly handled: Handled[];
  readonly outbox: Outgoing[];
  /** One at most of each name. */
  timers: readonly NewTimer[];
  /** Names, each once. */
  cancelled: readonly string[];
}

/** What a batch has decided, before its commit. */
interface Decided<S, C extends Message> {
  readonly outcomes: readonly Outcome<S, C>[];
  readonly changes: readonly Change[];
  /** Actors of which others may have sent what is not delivered: nothing new may overtake it. */
  readonly following: ReadonlySet<string>;
}

/** Loads, decides, and returns the answers to give once the changes are committed. */
export async function runBatch<S, C extends Message, E extends Message>(
  actor: Actor<S, C, E>,
  store: ActorStore,
  cache: ActorCache,
  entries: readonly Entry<S, C>[],
): Promise<Decided<S, C>> {
  const needs = entries.map((entry) => actor.needs?.(entry.command) ?? []);
  const request = missing(actor, cache, entries, needs);
  const isKnown = request.ids.length + request.rows.length + request.commands.length === 0;
  const loaded = isKnown ? nothing : await store.load(request);
  const drafts = new Map<string, Draft>();
  const handled = new Map(loaded.handled);
  entries.forEach((entry, i) => {
    // The rows are taken over before the cache learns the new ones: learning may let old ones go.
    const cached = cache.get(entry.id);
    let draft = drafts.get(entry.id);
    if (draft === undefined) {
      const known = cached ?? loaded.actors.get(entry.id);
      const follows = cached?.follows ?? cache.isForeign(entry.id, known?.version ?? 0);
      drafts.set(entry.id, (draft = open(entry.id, known, follows, actor.needs !== undefined)));
    }
    for (const key of needs[i] ?? []) {
      if (draft.rows.has(key)) continue;
      draft.rows.set(key, cached?.rows.has(key) === true ? cached.rows.get(key) : loaded.rows.get(entry.id)?.get(key));
    }
  });
  cache.learn(request.ids, request.rows, loaded);
  const outcomes = entries.map((entry, i) => {
    const draft = drafts.get(entry.id) as Draft;
    const key = handledKey(entry.id, entry.commandId);
    const repeated = handled.get(key);
    if (repeated !== undefined) return { entry, told: { ...see(actor, draft, needs[i]), repeated } };
    try {
      const told = decideOne(actor, draft, entry, needs[i] ?? []);
      const remembered = draft.handled.at(-1);
      if (remembered?.commandId === entry.commandId) handled.set(key, remembered);
      return { entry, told };
    } catch (error) {
      return { entry, failed: error as Error };
    }
  });
  const following = new Set<string>();
  for (const { id, follows } of drafts.values()) if (follows) following.add(id);
  return { outcomes, changes: [...drafts.values()].map(toChange), following };
}

const nothing: Loaded = { actors: new Map(), rows: new Map(), handled: new Map() };

/** What the batch has to ask for. A new command of a kind that creates its actor is taken at its word. */
function missing<S, C extends Message, E extends Message>(
  actor: Actor<S, C, E>,
  cache: ActorCache,
  entries: readonly Entry<S, C>[],
  needs: readonly (readonly string[])[],
): LoadRequest {
  const ids = new Set<string>();
  const rows = new Map<string, { id: string; key: string }>();
  entries.forEach((entry, i) => {
    const { id, command } = entry;
    const cached = cache.get(id);
    if (cached === undefined && !(isGuess(entry) && actor.creates?.includes(command.type) === true)) ids.add(id);
    for (const key of needs[i] ?? []) {
      if (cached?.rows.has(key) !== true) rows.set(handledKey(id, key), { id, key });
    }
  });
  const commands = entries.filter((entry) => !isGuess(entry)).map(({ id, commandId }) => ({ id, commandId }));
  return { ids: [...ids], rows: [...rows.values()], commands };
}

const noRows = new Map<string, unknown>();
const noKeys = new Set<string>();

function open(
  id: string,
  known: { readonly version: number; readonly state: unknown } | undefined,
  follows: boolean,
  hasRows: boolean,
): Draft {
  const version = known?.version ?? 0;
  return {
    id,
    expected: version,
    follows,
    version,
    state: known?.state,
    dirty: false,
    rows: hasRows ? new Map() : noRows,
    changed: hasRows ? new Set() : noKeys,
    journal: [],
    handled: [],
    outbox: [],
    timers: [],
    cancelled: [],
  };
}

function see<S>(
  actor: { readonly initial: S; readonly needs?: unknown },
  draft: Draft,
  keys: readonly string[] | undefined,
): { state: S; version: number } {
  if (actor.needs === undefined) return { state: (draft.state ?? actor.initial) as S, version: draft.version };
  const rows: Record<string, unknown> = slice();
  for (const key of keys ?? []) rows[key] = draft.rows.get(key);
  return { state: rows as S, version: draft.version };
}

/** Decides one command on the draft. The draft changes only when everything went well. */
function decideOne<S, C extends Message, E extends Message>(
  actor: Actor<S, C, E>,
  draft: Draft,
  entry: Entry<S, C>,
  keys: readonly string[],
): Told<S> {
  const before = see(actor, draft, keys);
  const decision = actor.decide(before.state, entry.command);
  const refused = isRefusal(decision) ? decision : undefined;
  const events = refused === undefined ? (decision as readonly E[]) : [];
  // A kept answer and a fired timer need a write even if nothing happened.
  const writes =
    events.length > 0 || entry.timer !== undefined || (refused === undefined && entry.answer !== undefined);
  if (!writes) return refused === undefined ? before : { ...before, refused };

  const version = draft.version + 1;
  let state = before.state;
  const journal: JournalEntry[] = [];
  const reactions: { readonly index: number; readonly reaction: Reaction }[] = [];
  events.forEach((event, index) => {
    state = actor.evolve(state, event);
    actor.check(state);
    journal.push({
      id: entry.id,
      version,
      index,
      type: event.type,
      data: withoutSealed(event.data),
      commandId: entry.commandId,
      at: entry.command.at,
    });
    for (const reaction of actor.react(state, event, entry.id)) reactions.push({ index, reaction });
  });
  const answer =
    refused === undefined && entry.answer !== undefined ? JSON.stringify(entry.answer(state, version)) : undefined;

  draft.version = version;
  if (state !== before.state) write(actor, draft, before.state, state);
  draft.journal.push(...journal);
  draft.handled.push({
    id: entry.id,
    commandId: entry.commandId,
    version,
    ...(entry.fingerprint === undefined ? {} : { fingerprint: entry.fingerprint }),
    ...(answer === undefined ? {} : { answer }),
  });
  if (entry.timer !== undefined)
    draft.cancelled = [...draft.cancelled.filter((name) => name !== entry.timer), entry.timer];
  reactions.forEach(({ index, reaction }, n) =>
    leave(actor.name, draft, reaction, { version, index, n, at: entry.command.at }),
  );
  return refused === undefined ? { state, version } : { state, version, refused };
}

function write<S>(actor: { readonly needs?: unknown }, draft: Draft, before: S, state: S): void {
  if (actor.needs === undefined) {
    draft.state = state;
    draft.dirty = true;
    return;
  }
  const [old, rows] = [before as Slice<unknown>, state as Slice<unknown>];
  for (const key of new Set([...Object.keys(old), ...Object.keys(rows)])) {
    if (old[key] === rows[key]) continue;
    draft.rows.set(key, rows[key]);
    draft.changed.add(key);
  }
}

/** Puts one reaction where it leaves with the commit. */
function leave(
  actor: string,
  draft: Draft,
  reaction: Reaction,
  place: { readonly version: number; readonly index: number; readonly n: number; readonly at: number },
): void {
  const messageId = messageIdOf(actor, draft.id, place.version, place.index, place.n);
  const out = (kind: Outgoing['kind'], target: string, key: string, content: object) => {
    const body = JSON.stringify(content);
    draft.outbox.push({
      messageId,
      kind,
      target,
      sender: draft.id,
      key,
      body,
      sealed: body.includes('"sealed"'),
      at: place.at,
      bucket: bucketOf(draft.id, key),
    });
  };
  switch (reaction.kind) {
    case 'send':
      return out('send', reaction.to, reaction.id, reaction.command);
    case 'publish':
      return out('publish', reaction.topic, reaction.key, { ...reaction.data, version: place.version });
    case 'perform':
      return out('perform', reaction.task, draft.id, reaction.data);
    case 'timer': {
      const { name, afterMs, command } = reaction;
      const timer = { id: draft.id, name, afterMs, command, commandId: messageId };
      draft.cancelled = draft.cancelled.filter((other) => other !== name);
      draft.timers = [...draft.timers.filter((other) => other.name !== name), timer];
      return;
    }
    case 'cancel-timer':
      draft.timers = draft.timers.filter(({ name }) => name !== reaction.name);
      draft.cancelled = [...draft.cancelled.filter((name) => name !== reaction.name), reaction.name];
      return;
  }
}

function toChange(draft: Draft): Change {
  return {
    id: draft.id,
    expected: draft.expected,
    version: draft.version,
    ...(draft.dirty ? { state: draft.state } : {}),
    rows: draft.changed === noKeys ? [] : [...draft.changed].map((key) => ({ key, data: draft.rows.get(key) })),
    journal: draft.journal,
    handled: draft.handled,
    outbox: draft.outbox,
    timers: draft.timers,
    cancelled: draft.cancelled,
  };
}

/** The data without anything under a key `sealed`: secrets travel in events, but the journal keeps none. */
export function withoutSealed(data: object): object {
  let copy: Record<string, unknown> | undefined;
  for (const key in data) {
    const value = (data as Record<string, unknown>)[key];
    if (key === 'sealed') {
      copy ??= { ...data };
      delete copy[key];
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const inner = withoutSealed(value);
      if (inner !== value) (copy ??= { ...data })[key] = inner;
    }
  }
  return copy ?? data;
}
