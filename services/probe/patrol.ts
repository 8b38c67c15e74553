// The probe's rounds: one inspector after another, a slice each, then a rest that is many times as long as the work. What
// they suspect goes through a watch; what stands or is gone is told once.
//
//   rest ─► money ─► stock ─► outboxes ─► rest …          an inspector that cannot look is blind, and says since when

import { setTimeout as pause } from 'node:timers/promises';
import { examine, type Finding } from '../../mixins/finding.ts';
import { claims, type Inspector, type Invariant, invariants, type Suspicion } from './suspicion.ts';
import { createWatch, type Watch } from './watch.ts';

/** Whoever stops does not wait longer for the step under way, in milliseconds: it has nothing to lose. */
const STOP_MS = 1_000;
/** Subjects that one inspector looks at again in one step. */
const AGAIN_MAX = 100;

export interface Pace {
  /** Between two steps, in milliseconds, at least. */
  readonly restMs: number;
  /** Share of the time that goes into looking, whatever it takes: a busy machine is looked at more rarely … */
  readonly share: number;
  /** … but this often, in milliseconds. */
  readonly restMaxMs: number;
  /** What stands is looked at again so often, in milliseconds: it is to be seen when it is put right. */
  readonly againMs: number;
  /** Blindness that a person should know of, in milliseconds. */
  readonly blindMs: number;
}

export interface Told {
  /** A violation that was not there before. */
  raised(suspicion: Suspicion): void;
  /** It is not there any more. */
  gone(suspicion: Suspicion): void;
  /** An inspector has seen nothing for long; called once, and `sees` when it looks again. */
  blind(inspector: string, reason: string): void;
  sees(inspector: string): void;
  checked(invariant: Invariant, count: number): void;
}

export interface PatrolReport {
  /** When it began, milliseconds since 1970. */
  readonly since: number;
  readonly findings: readonly Finding[];
  readonly suspected: number;
  readonly inspectors: readonly {
    readonly name: string;
    /** Of the last whole round, in seconds; missing: the first one is under way. */
    readonly lastCycleSeconds?: number;
    /** Why it cannot look just now. */
    readonly blind?: string;
    readonly partly?: string;
  }[];
}

export interface Patrol {
  report(): PatrolReport;
  /** How many violations of each invariant stand. */
  standing(): ReadonlyMap<Invariant, number>;
  /** Resolves when the step under way is over, or has taken a second more. Nothing is told any more. */
  stop(): Promise<void>;
}

interface Post {
  readonly inspector: Inspector;
  readonly watch: Watch;
  /** On the monotonic clock, as all that the watch is told. */
  blindSince: number | undefined;
  blindReason: string;
  blindTold: boolean;
}

export interface PatrolOptions {
  /** Opens what they look into; called again while it fails. */
  readonly open: () => Promise<readonly Inspector[]>;
  readonly pace: Pace;
  readonly told: Told;
  /** Called after each round. */
  readonly after?: () => void;
}

/** Begins, and goes on until it is stopped. */
export function patrol({ open, pace, told, after = () => {} }: PatrolOptions): Patrol {
  const since = Date.now();
  const stopping = new AbortController();
  const looked = new Map<Invariant, number>();
  let posts: readonly Post[] = [];
  /** Before anything could be opened, all of it is one post that sees nothing. */
  const entrance: Omit<Post, 'inspector' | 'watch'> = { blindSince: undefined, blindReason: '', blindTold: false };

  const going = go();

  async function go(): Promise<void> {
    // It begins with a rest: what it looks into starts at the same time.
    for (let workedMs = 0; ; ) {
      await pause(restAfter(workedMs), undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      if (stopping.signal.aborted) return;
      const startedAt = performance.now();
      await round();
      after();
      // What could not be opened yet has cost little, and is waited for.
      workedMs = posts.length === 0 ? 0 : performance.now() - startedAt;
    }
  }

  function restAfter(workedMs: number): number {
    return Math.min(pace.restMaxMs, Math.max(pace.restMs, workedMs / pace.share - workedMs));
  }

  async function round(): Promise<void> {
    if (posts.length === 0) {
      try {
        posts = (await open()).map((inspector) => ({
          inspector,
          watch: createWatch({ againMs: pace.againMs }),
          blindSince: undefined,
          blindReason: '',
          blindTold: false,
        }));
      } catch (error) {
        return goBlind(entrance, 'the probe', error);
      }
      sees(entrance, 'the probe');
    }
    for (const post of posts) {
      if (stopping.signal.aborted) return;
      await step(post);
    }
  }

  async function step(post: Post): Promise<void> {
    const { inspector, watch } = post;
    try {
      // Time is counted by a clock that nobody sets; the wall clock only says which orders are new.
      const look = await inspector.step(watch.due(performance.now(), AGAIN_MAX), Date.now());
      if (stopping.signal.aborted) return;
      const { raised, gone } = watch.take(look, performance.now());
      for (const invariant of invariants) {
        const count = look.checked[invariant] ?? 0;
        if (count === 0) continue;
        looked.set(invariant, (looked.get(invariant) ?? 0) + count);
        told.checked(invariant, count);
      }
      for (const suspicion of raised) told.raised(suspicion);
      for (const suspicion of gone) told.gone(suspicion);
      sees(post, inspector.name);
    } catch (error) {
      goBlind(post, inspector.name, error);
    }
  }

  function goBlind(post: Omit<Post, 'inspector' | 'watch'>, name: string, error: unknown): void {
    if (stopping.signal.aborted) return;
    const now = performance.now();
    post.blindSince ??= now;
    post.blindReason = (error as Error).message;
    if (post.blindTold || now - post.blindSince < pace.blindMs) return;
    post.blindTold = true;
    told.blind(name, post.blindReason);
  }

  function sees(post: Omit<Post, 'inspector' | 'watch'>, name: string): void {
    post.blindSince = undefined;
    if (post.blindTold) told.sees(name);
    post.blindTold = false;
  }

  const standingNow = (): readonly Suspicion[] => posts.flatMap(({ watch }) => watch.standing());

  return {
    report() {
      const partly = partlyOf(posts, entrance.blindSince === undefined ? undefined : entrance.blindReason);
      const standing = standingNow();
      return {
        since,
        findings: invariants.map((invariant) => {
          const examination = examine(invariant, claims[invariant], 'looks at live data');
          examination.look(looked.get(invariant) ?? 0);
          for (const suspicion of standing)
            if (suspicion.invariant === invariant) examination.wrong(suspicion.sentence);
          return examination.finding(partly);
        }),
        suspected: posts.reduce((sum, { watch }) => sum + watch.suspected(), 0),
        inspectors: posts.map(({ inspector, blindSince, blindReason }) => {
          const [cycleMs, only] = [inspector.lastCycleMs(), inspector.partly?.()];
          return {
            name: inspector.name,
            ...(cycleMs === undefined ? {} : { lastCycleSeconds: cycleMs / 1_000 }),
            ...(blindSince === undefined ? {} : { blind: blindReason }),
            ...(only === undefined ? {} : { partly: only }),
          };
        }),
      };
    },
    standing() {
      const counts = new Map<Invariant, number>(invariants.map((invariant) => [invariant, 0]));
      for (const { invariant } of standingNow()) counts.set(invariant, (counts.get(invariant) ?? 0) + 1);
      return counts;
    },
    async stop() {
      stopping.abort();
      const patience = new AbortController();
      await Promise.race([going, pause(STOP_MS, undefined, { signal: patience.signal }).catch(() => {})]);
      patience.abort();
    },
  };
}

/** What of everything was not looked at yet, or cannot be just now. */
function partlyOf(posts: readonly Post[], closed: string | undefined): string | undefined {
  if (posts.length === 0) return `nothing could be opened yet${closed === undefined ? '' : `: ${closed}`}`;
  const parts = posts.flatMap(({ inspector, blindSince, blindReason, watch }) => [
    ...(blindSince === undefined ? [] : [`all but ${inspector.name}, which cannot be looked at: ${blindReason}`]),
    ...(inspector.lastCycleMs() === undefined ? [`what a first round over ${inspector.name} has reached`] : []),
    ...(inspector.partly?.() === undefined ? [] : [inspector.partly?.() as string]),
    ...(watch.dropped() === 0
      ? []
      : [`so many suspicions as there is room for: ${watch.dropped()} more of ${inspector.name} were not kept`]),
  ]);
  return parts.length === 0 ? undefined : parts.join('; ');
}
