// One run: clients and faults on a running cluster, then quiet, then everything is checked.
//
//   mark the books ─► clients begin ─► faults, step by step ─► clients end ─► quiet ─► everything is read back
//                                                                                      └─► books ─► checkers ─► RunResult

import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestCluster } from '../../infra/local/cluster/cluster.fixture.ts';
import type { Books } from './books/books.ts';
import { askProbe } from './books/probe.ts';
import { openBooks } from './books/read-books.ts';
import { startSampler } from './books/sampler.ts';
import { settled } from './books/settled.ts';
import type { Evidence } from './checkers/checker.ts';
import { checkAll } from './checkers/checkers.ts';
import type { FaultKind, FaultRecord, FaultSource } from './faults/fault.ts';
import { type Death, unexplained } from './deaths.ts';
import { faultSources } from './faults/faults.ts';
import { readHistory } from './history/read-history.ts';
import { createRecorder, historyClock } from './history/recorder.ts';
import { type History, outcomeOf } from './history/operation.ts';
import { injectAll } from './injecting.ts';
import type { Profile } from './profiles.ts';
import type { RunResult } from './report/result.ts';
import { recoveryOf, secondsOf } from './report/series.ts';
import { scheduleOf, seedOf } from './schedule.ts';
import { startWorkload, type Workload } from './workload/workload.ts';
import type { World } from './world.ts';

/** Clients before the first fault and after the last one, in milliseconds: recovery is measured against the first. */
const CALM_MS = { before: 3_000, after: 4_000 };
/** The share of a run in which faults begin: what the last one does has to be seen. */
const BEGIN_SHARE = 0.75;
const INTERNAL_ERROR = 500;
export interface RunOptions {
  readonly cluster: TestCluster;
  readonly profile: Profile;
  /** Seed of the campaign. */
  readonly campaign: number;
  readonly number: number;
  /** Only what begins with this is hit. */
  readonly target?: string;
  /** Where the history is written; nothing may be there. */
  readonly history: string;
  readonly say: (what: string) => void;
  readonly onProgress: (what: string) => void;
  readonly signal: AbortSignal;
}

/** Makes one run. Never rejects: what went wrong stands in its result. */
export async function runOnce(options: RunOptions): Promise<RunResult> {
  const { campaign, number, say } = options;
  const seed = seedOf(campaign, number);
  const from = historyClock();
  const faults: FaultRecord[] = [];
  try {
    return await make(options, seed, from, faults);
  } catch (error) {
    say(`run ${number} broke off: ${(error as Error).stack ?? String(error)}`);
    const broken = brokenRun({ profile: options.profile, number, seed }, error as Error);
    return { ...broken, from, faults, ...(await seenUntilThen(options.history)) };
  }
}

/** What the history of a run that broke off says all the same: often why it did. */
async function seenUntilThen(path: string): Promise<Pick<RunResult, 'operations' | 'ownFaults'> | undefined> {
  try {
    const { history } = await readHistory(path);
    return { operations: countOf(history), ownFaults: ownFaults(history) };
  } catch {
    // It broke off before anything was written.
    return undefined;
  }
}

/** The result of a run that could not be made. */
export function brokenRun(
  { profile, number, seed }: { readonly profile: Profile; readonly number: number; readonly seed: number },
  error: Error,
): RunResult {
  const at = historyClock();
  return {
    number,
    seed,
    perSecond: profile.perSecond,
    from: at,
    to: at,
    operations: { all: 0, ok: 0, fail: 0, unknown: 0, kinds: {} },
    faults: [],
    findings: [],
    seconds: [],
    deaths: [],
    unsettled: [],
    missed: 0,
    looks: { done: 0, failed: 0 },
    error: error.message,
  };
}

async function make(options: RunOptions, seed: number, from: number, faults: FaultRecord[]): Promise<RunResult> {
  const { cluster, profile, campaign, number, say, signal } = options;
  const places = { postgresUrl: cluster.postgresUrl, dataDir: cluster.dataDir, kafkaBrokers: cluster.kafkaBrokers };
  const reader = await openBooks(places);
  const recorder = createRecorder(options.history);
  const deaths = watchDeaths(cluster);
  const ticker = setInterval(() => {
    deaths.look();
    const seconds = Math.round((historyClock() - from) / 1_000);
    options.onProgress(`run ${number}, ${seconds} s, ${recorder.begun} operations`);
  }, 1_000);
  let workload: Workload | undefined;
  let sampler: Awaited<ReturnType<typeof startSampler>> | undefined;
  try {
    const since = await reader.mark();
    workload = await startWorkload({ cluster, seed, perSecond: profile.perSecond, recorder });
    const { products } = workload;
    const skus = products.map(({ sku }) => sku);
    sampler = startSampler({ ...places, since, skus: () => skus });
    const world: World = { cluster, say, signal, load: workload.load };
    const begunAt = historyClock();
    await pause(CALM_MS.before, undefined, { signal });
    const written = async (): Promise<History> => {
      await recorder.flush();
      return (await readHistory(recorder.path)).history;
    };
    const steps = scheduleOf(profile, campaign, number);
    // Those that last long were meant to; they are few.
    const mayBeCut = profile.runMs > 0 && steps.every(({ mostMs }) => mostMs === undefined);
    const impossible: { readonly kind: FaultKind; readonly why: string }[] = [];
    const judge = await injectAll({
      world,
      seed,
      faults,
      impossible,
      now: historyClock,
      history: written,
      steps,
      sources: options.target === undefined ? faultSources : hitting(options.target),
      faultMaxMs: profile.faultMaxMs,
      ...(mayBeCut && { lastBegin: begunAt + profile.runMs * BEGIN_SHARE }),
    });
    const restMs = Math.max(CALM_MS.after, profile.runMs - (historyClock() - begunAt));
    await pause(restMs, undefined, { signal });
    say('clients end; waiting for quiet');
    await workload.stop();
    const to = historyClock();
    const { quietAt, unsettled } = await settled(reader, { withinMs: profile.quietWithinMs, signal });
    if (unsettled.length > 0) say(`never quiet: ${unsettled.join('; ')}`);
    await workload.close();
    const probed = profile.probeWithinMs > 0 ? await askProbe(cluster, profile.probeWithinMs) : [];
    const samples = await sampler.stop();
    await recorder.close();
    say('checking');
    const { history } = await readHistory(recorder.path);
    const injected = await judge(history);
    const books = await reader.read({ since, skus, samples });
    const evidence: Evidence = {
      history,
      books,
      faults: injected,
      from,
      to,
      products,
      ...(quietAt === undefined ? {} : { quietAt }),
      paymentDeadlineMs: profile.paymentDeadlineMs,
      nodes: nodesOf(cluster),
    };
    const lastFault = Math.max(to, ...injected.map((fault) => fault.to));
    const findings = [...checkAll(evidence), ...probed];
    if (findings.some(({ wrongCount }) => wrongCount > 0)) keepBooks(books, options.history);
    return {
      number,
      seed,
      from,
      to,
      ...(quietAt === undefined ? {} : { quietMs: Math.max(0, quietAt - lastFault) }),
      operations: countOf(history),
      scheduled: steps.flatMap(({ kinds }) => kinds).length,
      ...(impossible.length > 0 && { impossible }),
      faults: injected.map((fault) => withRecovery(fault, history, to)),
      findings,
      seconds: secondsOf(history, from, to),
      perSecond: profile.perSecond,
      deaths: [...unexplained(deaths.look(), injected, from), ...cluster.givenUp],
      ownFaults: ownFaults(history),
      unsettled,
      missed: workload.missed,
      looks: { done: samples.length, failed: sampler.skipped, reasons: sampler.reasons },
    };
  } finally {
    clearInterval(ticker);
    // Of a run that broke off; these have been closed before in any other.
    await workload?.stop().catch(() => undefined);
    await sampler?.stop().catch(() => undefined);
    await recorder.close().catch(() => undefined);
    await reader.close();
  }
}

/**
 * Whatever is killed, the shop knows what to say: 503 and when to come back. An answer of 500 is a mistake of its own, and a
 * shop that gave no other would break no invariant.
 */
function ownFaults(history: History): readonly string[] {
  const found = history.filter(({ ending }) => ending?.status === INTERNAL_ERROR);
  const [first] = found;
  if (first === undefined) return [];
  return [
    `${found.length} operations were answered ${INTERNAL_ERROR}, first ${first.method} ${first.path} (${first.id})`,
  ];
}

/** For whoever looks into a run that went wrong: what its findings were made of, beside its history. */
function keepBooks(books: Books, history: string): void {
  const text = JSON.stringify(books, (_, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value));
  writeFileSync(history.replace(/\.jsonl$/, '-books.json'), `${text}\n`);
}

/** Faults of what begins with these letters only. */
const hitting = (target: string): typeof faultSources =>
  Object.fromEntries(
    Object.entries(faultSources).map(([kind, source]): [string, FaultSource] => [
      kind,
      (world, chance) => source(world, chance).filter((fault) => fault.target.startsWith(target)),
    ]),
  ) as typeof faultSources;

function withRecovery(fault: FaultRecord, history: History, to: number): FaultRecord {
  const recoveryMs = recoveryOf(history, fault, to);
  return recoveryMs === undefined ? fault : { ...fault, recoveryMs };
}

/** Processes of the cluster that end from now on; `look` at least every second, for the supervisor tells no times. */
function watchDeaths({ changes }: TestCluster): { look(): readonly Death[] } {
  let seen = changes.length;
  const deaths: Death[] = [];
  return {
    look() {
      const at = historyClock();
      for (const { name, state, reason } of changes.slice(seen))
        if (state === 'restarting') deaths.push({ name, at, reason: reason ?? 'ended' });
      seen = changes.length;
      return deaths;
    },
  };
}

/** Nodes of services, not servers. */
const nodesOf = ({ supervisor }: TestCluster): readonly string[] =>
  supervisor
    .states()
    .map(({ name }) => name)
    .filter((name) => /^[a-z]+-\d+$/.test(name) && !name.startsWith('kafka'));

function countOf(history: History): RunResult['operations'] {
  const count = (outcome: string) => history.filter((operation) => outcomeOf(operation) === outcome).length;
  const kinds = Object.fromEntries(
    [...Map.groupBy(history, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length]),
  );
  return { all: history.length, ok: count('ok'), fail: count('fail'), unknown: count('unknown'), kinds };
}
