// What became of a campaign, as JSON: enough to draw its page, and for parts of one campaign to be put together.

import { cpus, totalmem } from 'node:os';
import type { Finding } from '../../../mixins/finding.ts';
import type { FaultKind, FaultRecord } from '../faults/fault.ts';
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

/** Of invariants that a campaign must have looked at; L6 takes an hour of load. */
const ALWAYS = [...Array.from({ length: 15 }, (_, i) => `I${i + 1}`), 'L1', 'L2', 'L3', 'L4'];

export interface Bars {
  readonly faults: number;
  readonly kinds: number;
}

/**
 * Why a result shows nothing, or shows something wrong, in sentences; empty: it passed.
 * @param atLeast of counted faults and their kinds
 */
export function failures(result: Pick<Result, 'runs'>, atLeast: Bars): readonly string[] {
  const { runs } = result;
  const judged = judgements(result);
  const looked = new Map(judged.map(({ invariant, looked: count }) => [invariant, count]));
  const faults = counted(runs);
  const kinds = kindsOf(faults).size;
  const operations = runs.reduce((sum, run) => sum + run.operations.all, 0);
  return [
    ...(runs.length === 0 ? ['No run was made, so nothing was shown.'] : []),
    ...runs.flatMap(({ number, error }) => (error === undefined ? [] : [`Run ${number} broke off: ${error}`])),
    ...judged.flatMap(({ invariant, findings }) =>
      findings
        .filter(({ wrongCount }) => wrongCount > 0)
        .map(
          ({ run, claim, wrongCount, wrong }) =>
            `Run ${run}: ${invariant} (${claim}) is violated ${wrongCount} ×: ${wrong.join('; ')}`,
        ),
    ),
    ...ALWAYS.filter((invariant) => (looked.get(invariant) ?? 0) === 0).map(
      (invariant) => `${invariant} was never looked at, so nothing is known of it.`,
    ),
    ...(operations === 0 ? ['No operation was made, so nothing was shown.'] : []),
    ...(faults.length < atLeast.faults
      ? [`${faults.length} faults have evidence, at least ${atLeast.faults} must.`]
      : []),
    ...(kinds < atLeast.kinds ? [`Faults of ${kinds} kinds have evidence, at least ${atLeast.kinds} kinds must.`] : []),
  ];
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
    runs,
  };
}
