// What became of a campaign, as JSON: enough to draw its page, and for parts of one campaign to be put together.
//
//   Result ─► failures: each run (wrong-run.ts) · claims nobody saw · faults, their kinds · rate, what was decided (shares.ts)

import { cpus, totalmem } from 'node:os';
import type { Finding } from '../../../mixins/finding.ts';
import { type FaultKind, faultKinds, type FaultRecord } from '../faults/fault.ts';
import { invariants } from '../checkers/checkers.ts';
import type { Profile } from '../profiles.ts';
import { impossibleKinds, toldImpossible } from './caveats.ts';
import { toldNumbers } from './numbers.ts';
import { decidedOf, rateOf } from './shares.ts';
import { wrongIn } from './wrong-run.ts';

/** One second of a run, by when operations ended. */
export interface Second {
  /** Seconds since the run began. */
  readonly at: number;
  readonly ok: number;
  readonly fail: number;
  /** Answered 429 or 503. */
  readonly refused: number;
  /** Not answered at all. */
  readonly unknown: number;
  /** Milliseconds; of answered operations. */
  readonly p50: number;
  readonly p99: number;
}

export interface RunResult {
  readonly number: number;
  readonly seed: number;
  /** Operations that were to begin in a second. */
  readonly perSecond: number;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Until everything was settled after the last fault, in milliseconds; missing: it never was. */
  readonly quietMs?: number;
  readonly operations: {
    readonly all: number;
    readonly ok: number;
    readonly fail: number;
    readonly unknown: number;
    /** By kind. */
    readonly kinds: Readonly<Record<string, number>>;
  };
  readonly faults: readonly FaultRecord[];
  /** Faults that its schedule wanted; missing: nobody counted. */
  readonly scheduled?: number;
  /** Those of them that cannot be injected on this machine, and why; missing: there were none. */
  readonly impossible?: readonly { readonly kind: FaultKind; readonly why: string }[];
  readonly findings: readonly Finding[];
  readonly seconds: readonly Second[];
  /** Processes that ended although no fault had ended them, and units that were given up, as sentences. */
  readonly deaths: readonly string[];
  /** Answers by which the shop says that the fault is its own (500), as sentences; missing: there were none. */
  readonly ownFaults?: readonly string[];
  /** What was not settled in the end, as sentences. */
  readonly unsettled: readonly string[];
  /** Operations that were due and that nobody could begin, since everybody waited for an answer. */
  readonly missed: number;
  /** Looks at the stores during the run, and those that failed, most because a store was away. */
  readonly looks: {
    readonly done: number;
    readonly failed: number;
    /** Why some failed, as sentences, the most frequent first; missing: none did, or nobody asked. */
    readonly reasons?: readonly string[];
  };
  /** Why the run could not be brought to its end. */
  readonly error?: string;
}

export interface Machine {
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
}

/** What `--fault` and `--target` said: only these kinds of faults, only what begins with this. */
export interface Restricted {
  readonly kinds?: readonly FaultKind[];
  readonly target?: string;
}

export interface Result {
  readonly version: 1;
  readonly profile: Profile['name'];
  readonly seed: number;
  /** When the campaign began, in ISO 8601. */
  readonly began: string;
  readonly tookMs: number;
  readonly machine: Machine;
  /** All of them, if its parts were made on several. */
  readonly machines?: readonly Machine[];
  /** What `git describe --always --dirty` says; empty outside a checkout. */
  readonly commit: string;
  /** Missing: everything might go wrong. */
  readonly restricted?: Restricted;
  /** Numbers of the runs that were to be made. */
  readonly wanted: readonly number[];
  readonly runs: readonly RunResult[];
}

/** What this machine is. */
export function machineOf(): Machine {
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  return { cores: cpus().length, memoryGiB, system: `${process.platform} ${process.arch}`, node: process.version };
}

/** One invariant over all runs of a result. */
export interface Judgement {
  readonly invariant: string;
  readonly looked: number;
  readonly wrongCount: number;
  readonly findings: readonly (Finding & { readonly run: number })[];
}

/** What was found of each invariant, in their order. */
export function judgements({ runs }: Pick<Result, 'runs'>): readonly Judgement[] {
  const findings = runs.flatMap(({ number, findings: found }) => found.map((finding) => ({ ...finding, run: number })));
  return [...Map.groupBy(findings, ({ invariant }) => invariant)]
    .map(([invariant, all]) => ({
      invariant,
      looked: all.reduce((sum, { looked }) => sum + looked, 0),
      wrongCount: all.reduce((sum, { wrongCount }) => sum + wrongCount, 0),
      findings: all,
    }))
    .toSorted((a, b) => orderOf(a.invariant) - orderOf(b.invariant));
}

/** I1 … I15 before L1 … L6. */
const orderOf = (invariant: string): number => (invariant.startsWith('L') ? 100 : 0) + Number(invariant.slice(1));

/** Faults that count: those with evidence. */
export const counted = (runs: readonly RunResult[]): readonly FaultRecord[] =>
  runs.flatMap(({ faults }) => faults.filter(({ evidence }) => evidence.length > 0));

export const kindsOf = (faults: readonly FaultRecord[]): ReadonlySet<FaultKind> =>
  new Set(faults.map(({ kind }) => kind));

export interface Bars {
  /** Faults with evidence, and their kinds. */
  readonly faults: number;
  readonly kinds: number;
  /** Invariants of which a claim may go unseen: nothing may have brought it about. */
  readonly mayBeUnseen: readonly string[];
  /** Faults that may fail to be brought about, as a share: two at once can be in each other's way; missing: any. */
  readonly refused?: number;
  /** Operations that end in a second, over all runs without overload; missing: what each run must reach is enough. */
  readonly perSecond?: number;
  /**
   * Of what was seen, the share that could be decided, where that is counted; missing: none is demanded. Of stock 99 of 100
   * SKUs were, in runs with an overload 83 and more; the hot ones, given up first, are a ninth of them and half of what is done.
   */
  readonly decided?: number;
}

/**
 * Why a result shows nothing, or shows something wrong, in sentences; empty: it passed.
 * @param atLeast what a campaign of its size must have shown
 */
export function failures(result: Pick<Result, 'runs' | 'wanted'>, atLeast: Bars): readonly string[] {
  const { runs, wanted } = result;
  const faults = counted(runs);
  const missing = wanted.filter((number) => !runs.some((run) => run.number === number));
  const refused = runs.flatMap((run) => run.faults.filter((fault) => fault.refused !== undefined));
  return [
    ...(runs.length === 0 ? ['No run was made, so nothing was shown.'] : []),
    ...(missing.length > 0 && runs.length > 0 ? [`Runs ${toldNumbers(missing)} were not made.`] : []),
    ...runs.flatMap(wrongIn),
    ...unseen(result, atLeast.mayBeUnseen),
    ...(refused.length > (atLeast.refused ?? 1) * (faults.length + refused.length)
      ? [`${refused.length} faults could not be brought about, for instance: ${refused[0]?.refused}`]
      : []),
    ...(faults.length < atLeast.faults
      ? [`${faults.length} faults have evidence, at least ${atLeast.faults} must.`]
      : []),
    ...tooFewKinds(runs, atLeast.kinds),
    ...tooSlow(runs, atLeast.perSecond),
    ...undecided(runs, atLeast.decided),
  ];
}

/** What this machine cannot do is not asked for, and is named. */
function tooFewKinds(runs: readonly RunResult[], atLeast: number): readonly string[] {
  const kinds = kindsOf(counted(runs));
  const impossible = impossibleKinds(runs);
  const must = Math.min(atLeast, faultKinds.length - impossible.size);
  if (kinds.size >= must) return [];
  const none = faultKinds.filter((kind) => !kinds.has(kind) && !impossible.has(kind));
  return [
    `Faults of ${kinds.size} kinds have evidence, at least ${must} kinds must; none have: ${none.join(', ')}.${impossible.size === 0 ? '' : ` Impossible here: ${toldImpossible(impossible)}`}`,
  ];
}

function tooSlow(runs: readonly RunResult[], atLeast = 0): readonly string[] {
  if (atLeast === 0) return [];
  const rate = rateOf(runs);
  if (rate === undefined) return ['There was no run without overload, so nothing is known of the rate.'];
  return rate >= atLeast
    ? []
    : [`${rate.toFixed(1)} operations a second ended in runs without overload, at least ${atLeast} must.`];
}

function undecided(runs: readonly RunResult[], atLeast = 0): readonly string[] {
  return decidedOf(runs)
    .filter(({ share }) => share < atLeast)
    .map(
      ({ invariant, claim, of, looked, unseen: givenUp }) =>
        `${invariant} (${claim}): ${looked} of ${looked + givenUp} ${of} were decided, at least ${Math.round(100 * atLeast)} of 100 must be.`,
    );
}

/** Claims that no run has looked at. */
function unseen(result: Pick<Result, 'runs'>, mayBeUnseen: readonly string[]): readonly string[] {
  const judged = judgements(result);
  const never = invariants.filter((invariant) => !judged.some((one) => one.invariant === invariant));
  const claims = judged.flatMap(({ invariant, findings }) =>
    [...Map.groupBy(findings, ({ claim }) => claim)]
      .filter(([, all]) => all.every(({ looked }) => looked === 0))
      .map(([claim, all]) => ({ invariant, what: `${invariant} (${claim})`, why: all.at(-1)?.partly })),
  );
  return [
    ...never
      .filter((invariant) => !mayBeUnseen.includes(invariant))
      .map((invariant) => ({ what: invariant, why: undefined })),
    ...claims.filter(({ invariant }) => !mayBeUnseen.includes(invariant)),
  ].map(
    ({ what, why }) => `${what} was never looked at, so nothing is known of it${why === undefined ? '' : `: ${why}`}.`,
  );
}
