// A campaign: run after run on a whole cluster, a fresh one every few runs and after one that went wrong.
//
//   cluster ─► run 1 … run 10 ─► cluster ─► run 11 …          Result, also of what was done when it is broken off

import { copyFileSync, globSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startTestCluster, type TestCluster } from '../../infra/local/cluster/cluster.fixture.ts';
import { missingOwnDisk } from '../../infra/local/cluster/own-disk.ts';
import { CRASHING_NODE } from './faults/crash-point.ts';
import { invariants } from './checkers/checkers.ts';
import type { FaultKind } from './faults/fault.ts';
import type { Profile } from './profiles.ts';
import { type Bars, failures, machineOf, type Result, type RunResult } from './report/result.ts';
import { brokenRun, runOnce } from './run.ts';
import { seedOf } from './schedule.ts';
import { warmUp } from './warm-up.ts';

/** Of one run alone: what is wrong in it, not what it has not shown. */
const NO_BARS: Bars = { faults: 0, kinds: 0, mayBeUnseen: invariants };
/** A campaign whose runs break off again and again shows nothing more. */
const BROKEN_MAX = 5;
/** Rate of an hour of load, as a share of the profile's: it is about memory, and its history has to be held too. */
const LOAD_SHARE = 0.4;

export interface CampaignOptions {
  readonly profile: Profile;
  readonly seed: number;
  /** Numbers of the runs, from 1. */
  readonly runs: { readonly first: number; readonly last: number };
  /** Only faults of these kinds; default: those of the profile. */
  readonly kinds?: readonly FaultKind[];
  /** Only what begins with this is hit: "orders", "api-1". */
  readonly target?: string;
  /** The program of nodes; default: one that can be ended at a boundary, and whose clock can be wrong. */
  readonly program?: string;
  /** Where histories and logs of failed runs are kept. */
  readonly folder: string;
  /** What `git describe` says. */
  readonly commit: string;
  /** Tells what happens, a line each. */
  readonly say: (what: string) => void;
  /** Called about once a second: how far the campaign is, in runs. */
  readonly show?: (what: string, done: number, all: number) => void;
  /** Called after each run with all that is known by then. */
  readonly onRun?: (result: Result) => Promise<void> | void;
  readonly signal?: AbortSignal;
}

/** Makes the runs. Never rejects for what a run found: that stands in its result. */
export async function campaign(options: CampaignOptions): Promise<Result> {
  const { profile, seed, say, signal = new AbortController().signal } = options;
  const began = Date.now();
  const runs: RunResult[] = [];
  const numbers = numbersOf(options);
  const result = (): Result => ({
    version: 1,
    profile: profile.name,
    seed,
    began: new Date(began).toISOString(),
    tookMs: Date.now() - began,
    machine: machineOf(),
    commit: options.commit,
    wanted: numbers,
    runs: [...runs],
  });
  let cluster: TestCluster | undefined;
  let runsOnIt = 0;
  try {
    for (const [index, number] of numbers.entries()) {
      if (signal.aborted || runs.filter(({ error }) => error !== undefined).length >= BROKEN_MAX) break;
      if (cluster === undefined || runsOnIt === profile.runsPerCluster) {
        await cluster?.stop();
        cluster = undefined;
        say('starting a cluster');
        try {
          cluster = await startTwice(profile, options.program ?? CRASHING_NODE, say);
          const { perSecond, warmUpMs } = profile;
          if (warmUpMs > 0) await warmUp({ cluster, seed: seedOf(seed, -number), perSecond, forMs: warmUpMs, signal });
        } catch (error) {
          runs.push(brokenRun({ profile, number, seed: seedOf(seed, number) }, error as Error));
          await cluster?.stop();
          cluster = undefined;
          continue;
        }
        runsOnIt = 0;
        say(`a cluster of ${cluster.supervisor.states().length} processes is ready after ${seconds(cluster.readyMs)}`);
      }
      runsOnIt += 1;
      const isLoad = number > profile.runs;
      const run = await runOnce({
        cluster,
        profile: isLoad ? loadOf(profile) : { ...profile, kinds: options.kinds ?? profile.kinds },
        campaign: seed,
        number,
        ...(options.target === undefined ? {} : { target: options.target }),
        history: join(options.folder, `run-${String(number).padStart(3, '0')}-${seed}.jsonl`),
        say,
        onProgress: (what) => options.show?.(what, index, numbers.length),
        signal,
      });
      runs.push(run);
      const isWrong = failures({ runs: [run], wanted: [number] }, NO_BARS).length > 0;
      say(summaryOf(run));
      if (isWrong) {
        keepLogs(cluster, join(options.folder, `run-${number}-logs`));
        // What it did to its cluster must not be seen by the next one.
        runsOnIt = profile.runsPerCluster;
      }
      await options.onRun?.(result());
    }
  } finally {
    say('stopping the cluster');
    await cluster?.stop();
  }
  return result();
}

/** What nodes and servers wrote, for whoever looks into a run that went wrong. */
function keepLogs({ dataDir }: TestCluster, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const path of globSync(['nodes/*', '*.log', 'servers/*/*.log', 'servers/*/*/*.log'], { cwd: dataDir }))
    copyFileSync(join(dataDir, path), join(folder, path.replace(/^(nodes|servers)\//, '').replaceAll('/', '-')));
}

/** Numbers of the runs that were asked for; the hour of load is one more than the runs. */
function numbersOf({ profile, runs: { first, last } }: CampaignOptions): readonly number[] {
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return profile.loadMs > 0 && last === profile.runs ? [...numbers, profile.runs + 1] : numbers;
}

const loadOf = (profile: Profile): Profile => ({
  ...profile,
  runMs: profile.loadMs,
  steps: 0,
  perSecond: Math.round(profile.perSecond * LOAD_SHARE),
});

/** One start may meet a port that somebody else has just taken. */
async function startTwice(profile: Profile, program: string, say: (what: string) => void): Promise<TestCluster> {
  try {
    return await startWhole(profile, program);
  } catch (error) {
    say(`the cluster did not start: ${(error as Error).message}`);
    return await startWhole(profile, program);
  }
}

/** A cluster with a fault proxy on every edge, and a provider that tells all it does by webhook as well. */
async function startWhole({ nodes, kafkaNodes, paymentDeadlineMs }: Profile, program: string): Promise<TestCluster> {
  return await startTestCluster({
    nodes,
    kafkaNodes,
    settings: { paymentDeadlineMs, rateLimits: 'off' },
    webhooks: 'all',
    edges: true,
    programOf: () => program,
    // To be slowed down and filled, where this machine permits one.
    ownDisk: (await missingOwnDisk()) === undefined,
    dynamoInMemory: true,
  });
}

function summaryOf(run: RunResult): string {
  const wrong = failures({ runs: [run], wanted: [run.number] }, NO_BARS);
  const faults = run.faults.filter(({ evidence }) => evidence.length > 0);
  const verdict =
    run.error !== undefined
      ? `BROKE OFF: ${run.error}`
      : wrong.length > 0
        ? `WRONG: ${wrong.join(' | ')}`
        : 'nothing lost, doubled or oversold';
  const { all, unknown } = run.operations;
  return `run ${run.number}: ${all} operations (${unknown} unknown), ${faults.length} faults of ${run.faults.length} with evidence: ${verdict}`;
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
