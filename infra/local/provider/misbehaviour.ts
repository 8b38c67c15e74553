// What the provider does wrong on purpose, for a while, to a share of its calls or webhooks: told by a file in its own data
// folder, which no service of the shop can reach, and counted, so that whoever told it sees that it happened.
//
//   DIR/misbehaviour.json   ─► taken up within LOOK_MS; it ends when the file is gone, and at `until`, which takes the file away
//   DIR/misbehaved.json     ◄─ what was done, how often, and what the shop answered
//
// Its ledger stays exact: what is wrong is what the shop is told, never what was done with the money.

import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Calls: what happens, and what the shop hears of it. */
export const wrongAnswers = [
  /** 500, and nothing happened. */
  'error-before',
  /** It happened, and the answer is 500. */
  'error-after',
  /** It happened, and no answer comes. */
  'silent',
  /** 429, and nothing happened. */
  'too-many',
  /** It happened at once, and is answered `slowMs` later. */
  'slow',
  /** The webhook comes first, then the answer. */
  'webhook-first',
] as const;
/** Webhooks, which then tell of everything: what the shop gets besides, or instead. */
export const wrongWebhooks = [
  /** Ten times the same. */
  'webhook-repeated',
  /** Later ones overtake earlier ones. */
  'webhook-reordered',
  /** One that somebody else has signed, and that tells the opposite. */
  'webhook-forged',
  /** One that was signed too long ago. */
  'webhook-stale',
] as const;

export type WrongAnswer = (typeof wrongAnswers)[number];
export type WrongWebhook = (typeof wrongWebhooks)[number];

/** What is told. */
export interface Misbehaviour {
  /** Names this wish: the count begins anew with another one. */
  readonly id: string;
  readonly kind: WrongAnswer | WrongWebhook;
  /** Of calls or webhooks, 0 to 1. */
  readonly share: number;
  /** When it ends by itself, milliseconds since 1970. */
  readonly until: number;
  /** How long `slow` answers take, in milliseconds. */
  readonly slowMs: number;
  /** Of the draws that decide which ones. */
  readonly seed: number;
}

/** What was done. */
export interface Misbehaved {
  /** Of the wish. */
  readonly id: string;
  readonly kind: Misbehaviour['kind'];
  readonly isOver: boolean;
  /** Calls or webhooks that might have been treated so, and those that were. */
  readonly seen: number;
  readonly done: number;
  /** What the shop answered to wrong webhooks, by status; 0: nothing. */
  readonly answers: Readonly<Record<string, number>>;
}

const LOOK_MS = 50;
/** A wish that was forgotten ends so long after it was told anyway, in milliseconds. */
const LASTS_MAX_MS = 3_600_000;

const wishFile = (dir: string) => join(dir, 'misbehaviour.json');
const countFile = (dir: string) => join(dir, 'misbehaved.json');

/** Tells the provider with this data folder to behave so; undefined: as it should. */
export function tellProvider(dir: string, wish: Misbehaviour | undefined): void {
  if (wish === undefined) rmSync(wishFile(dir), { force: true });
  else write(wishFile(dir), wish);
}

/** What the provider has done by the last wish; undefined: it was never told anything. */
export function misbehaved(dir: string): Misbehaved | undefined {
  return read(countFile(dir)) as Misbehaved | undefined;
}

export type Conduct = ReturnType<typeof followWishes>;

/** Behaves as the file says; `stop` looking at it. */
export function followWishes(dir: string) {
  let wish: Misbehaviour | undefined;
  let lookedAt = Number.NaN;
  let count: Misbehaved | undefined;
  let told = '';
  let state = 0;

  function look(): void {
    const changedAt = modifiedAt(wishFile(dir));
    if (changedAt !== lookedAt) {
      lookedAt = changedAt;
      wish = checked(read(wishFile(dir)), changedAt);
      if (wish !== undefined && count?.id !== wish.id) begin(wish);
    }
    if (wish !== undefined && Date.now() >= wish.until) {
      wish = undefined;
      forget();
    }
    if (count !== undefined) count = { ...count, isOver: wish?.id !== count.id };
    const text = JSON.stringify(count);
    if (count === undefined || text === told) return;
    try {
      write(countFile(dir), count);
      told = text;
    } catch {
      // A full disk is no reason to end: it is said a little later.
    }
  }

  /** Takes away what is over, so that no later start finds it; not what somebody has told meanwhile. */
  function forget(): void {
    try {
      if (modifiedAt(wishFile(dir)) === lookedAt) tellProvider(dir, undefined);
    } catch {
      // Whoever cannot write here finds it over again at every start.
    }
  }

  function begin({ id, kind, seed }: Misbehaviour): void {
    // After a restart in the middle of it the count goes on.
    const before = misbehaved(dir);
    count = before?.id === id ? before : { id, kind, isOver: false, seen: 0, done: 0, answers: {} };
    state = seed + count.seen;
  }

  /** Whether this one is treated so. */
  function strikes(kind: Misbehaviour['kind']): boolean {
    if (wish?.kind !== kind || count === undefined || Date.now() >= wish.until) return false;
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const isHit = state / 2 ** 32 < wish.share;
    count = { ...count, seen: count.seen + 1, done: count.done + (isHit ? 1 : 0) };
    return isHit;
  }

  look();
  const timer = setInterval(look, LOOK_MS).unref();
  return {
    /** How the next call is answered; undefined: as it should be. */
    ofCall: (): WrongAnswer | undefined => wrongAnswers.find(strikes),
    /** How the next webhook is sent; undefined: as it should be. */
    ofWebhook: (): WrongWebhook | undefined => wrongWebhooks.find(strikes),
    /** Whether webhooks tell of everything, also of what was answered. */
    tellsAll: (): boolean => wish !== undefined && wish.kind.startsWith('webhook-'),
    slowMs: (): number => wish?.slowMs ?? 0,
    /** Counts what the shop answers to a wrong webhook, however late, for what is told now. */
    counting(): (status: number) => void {
      const id = count?.id;
      return (status) => {
        if (count === undefined || count.id !== id) return;
        count = { ...count, answers: { ...count.answers, [status]: (count.answers[status] ?? 0) + 1 } };
      };
    },
    stop(): void {
      clearInterval(timer);
      look();
    },
  };
}

/** The wish of a file that was written at this time; undefined, and a sentence to whoever wrote it, if it is none. */
function checked(wish: unknown, toldAt: number): Misbehaviour | undefined {
  if (wish === undefined) return undefined;
  const { id, kind, share, until, slowMs, seed } = (wish ?? {}) as Partial<Misbehaviour>;
  const isKnown = ([...wrongAnswers, ...wrongWebhooks] as unknown[]).includes(kind);
  const numbers = [share, until, slowMs, seed].every((value) => Number.isFinite(value));
  if (typeof id !== 'string' || !isKnown || !numbers) {
    console.error(`misbehaviour.json is not understood, and nothing is done wrong: ${JSON.stringify(wish)}`);
    return undefined;
  }
  return { ...(wish as Misbehaviour), until: Math.min(until as number, toldAt + LASTS_MAX_MS) };
}

function modifiedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Whole or not at all: somebody may be reading. */
function write(file: string, content: object): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
