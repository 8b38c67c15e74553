// What became of a campaign, as JSON: enough to draw its page, and for parts of one campaign to be put together.

import { cpus, totalmem } from 'node:os';
import type { Finding } from '../../../mixins/finding.ts';
import type { FaultKind, FaultRecord } from '../faults/fault.ts';
import { invariants } from '../checkers/checkers.ts';
import type { Profile } from '../profiles.ts';

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
  readonly looks: { readonly done: number; readonly failed: number };
  /** Why the run could not be brought to its end. */
  readonly error?: string;
}

export interface Result {
  readonly version: 1;
  readonly profile: Profile['name'];
  readonly seed: number;
  /** When the campaign began, in ISO 8601. */
  readonly began: string;
  readonly tookMs: number;
  readonly machine: {
    readonly cores: number;
    readonly memoryGiB: number;
    readonly system: string;
    readonly node: string;
  };
  /** What `git describe --always --dirty` says; empty outside a checkout. */
  readonly commit: string;
  /** Numbers of the runs that were to be made. */
  readonly wanted: readonly number[];
  readonly runs: readonly RunResult[];
}

/** What this machine is. */
export function machineOf(): Result['machine'] {
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

/** Operations a second that a run without overload must reach, as a share of what was asked for. */
const RATE_MIN = 0.8;
/** Faults that may fail to be brought about, as a share: two at once can be in each other's way. */
const REFUSED_MAX = 0.2;

export interface Bars {
  /** Faults with evidence, and their kinds. */
  readonly faults: number;
  readonly kinds: number;
  /** Invariants of which a claim may go unseen: nothing may have brought it about. */
  readonly mayBeUnseen: readonly string[];
}

/**
 * Why a result shows nothing, or shows something wrong, in sentences; empty: it passed.
 * @param atLeast what a campaign of its size must have shown
 */
export function failures(result: Pick<Result, 'runs' | 'wanted'>, atLeast: Bars): readonly string[] {
  const { runs, wanted } = result;
  const faults = counted(runs);
  const kinds = kindsOf(faults).size;
  const missing = wanted.filter((number) => !runs.some((run) => run.number === number));
  const refused = runs.flatMap((run) => run.faults.filter((fault) => fault.refused !== undefined));
  return [
    ...(runs.length === 0 ? ['No run was made, so nothing was shown.'] : []),
    ...(missing.length > 0 && runs.length > 0 ? [`Runs ${missing.join(', ')} were not made.`] : []),
    ...runs.flatMap(wrongIn),
    ...unseen(result, atLeast.mayBeUnseen),
    ...(refused.length > REFUSED_MAX * (faults.length + refused.length)
      ? [`${refused.length} faults could not be brought about, for instance: ${refused[0]?.refused}`]
      : []),
    ...(faults.length < atLeast.faults
      ? [`${faults.length} faults have evidence, at least ${atLeast.faults} must.`]
      : []),
    ...(kinds < atLeast.kinds ? [`Faults of ${kinds} kinds have evidence, at least ${atLeast.kinds} kinds must.`] : []),
  ];
}

/** What is wrong in one run. */
function wrongIn(run: RunResult): readonly string[] {
  const { number, error, findings, faults, deaths, unsettled } = run;
  const told = (sentence: string) => `Run ${number}: ${sentence}`;
  if (error !== undefined) return [`Run ${number} broke off: ${error}`, ...(run.ownFaults ?? []).map(told)];
  return [
    ...findings
      .filter(({ wrongCount }) => wrongCount > 0)
      .map(({ invariant, claim, wrongCount, wrong }) =>
        told(`${invariant} (${claim}) is violated ${wrongCount} ×: ${wrong.join('; ')}`),
      ),
    ...faults.flatMap(({ kind, target, error: failed, violations = [] }) => [
      ...(failed === undefined ? [] : [told(`${kind} of ${target} was not over: ${failed}`)]),
      ...violations.map((violation) => told(`${kind} of ${target}: ${violation}`)),
    ]),
    ...deaths.map(told),
    ...(run.ownFaults ?? []).map(told),
    ...unsettled.map((sentence) => told(`it never came to rest: ${sentence}`)),
    ...tooFew(run).map(told),
  ];
}

/** A workload that stood still shows nothing; what an outage kept waiting, or an overload refused, is no standstill. */
function tooFew({ operations, from, to, perSecond, faults }: RunResult): readonly string[] {
  const due = perSecond * ((to - from) / 1_000);
  if (operations.all >= RATE_MIN * due || (operations.all > 0 && faults.some(({ kind }) => kind === 'overload')))
    return [];
  return [`${operations.all} operations were made, of ${Math.round(due)} that were due`];
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

/**
 * Parts of one campaign as a whole.
 * @throws Error if they are of several campaigns, or have a run twice
 */
export function merged(parts: readonly Result[]): Result {
  const [first] = parts;
  if (first === undefined) throw new Error('there is nothing to put together: name the JSON files of the parts');
  for (const { profile, seed } of parts) {
    if (profile !== first.profile || seed !== first.seed)
      throw new Error(
        `parts of one campaign share profile and seed; these are ${first.profile} ${first.seed} and ${profile} ${seed}`,
      );
  }
  const runs = parts.flatMap((part) => part.runs).toSorted((a, b) => a.number - b.number);
  const twice = runs.find(({ number }, i) => runs[i + 1]?.number === number);
  if (twice !== undefined) throw new Error(`run ${twice.number} is in two parts; give each run once`);
  return {
    ...first,
    began: parts.map(({ began }) => began).toSorted()[0] as string,
    tookMs: parts.reduce((sum, { tookMs }) => sum + tookMs, 0),
    commit: [...new Set(parts.map(({ commit }) => commit))].join(', '),
    wanted: parts.flatMap(({ wanted }) => wanted).toSorted((a, b) => a - b),
    runs,
  };
}
