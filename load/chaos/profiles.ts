// How large a campaign is. `npm run chaos -- --profile commit|nightly|release`.

import { type FaultKind, faultKinds } from './faults/fault.ts';
import type { Bars } from './report/result.ts';

export interface Profile {
  readonly name: 'commit' | 'nightly' | 'release';
  readonly runs: number;
  /** A run lasts at least so long, and longer if its faults take longer; none begins in its last quarter. In milliseconds. */
  readonly runMs: number;
  /** Operations that clients begin in a second. */
  readonly perSecond: number;
  /** Times in a run at which something goes wrong. */
  readonly steps: number;
  /** So many faults at once at most; how many is drawn for each step. */
  readonly atOnceMax: number;
  /** Faults are cut to this, in milliseconds. */
  readonly faultMaxMs: number;
  /** Between the end of a fault and the next one, in milliseconds. */
  readonly calmMs: readonly [least: number, most: number];
  /** More calm after a fault of which it is judged what callers notice, in milliseconds. */
  readonly apartMs: number;
  /** Every so many runs one has few faults, which last long: longer than an order waits for its payment. */
  readonly long?: {
    readonly every: number;
    readonly kinds: readonly FaultKind[];
    readonly steps: number;
    readonly leastMs: number;
    readonly mostMs: number;
  };
  /** Every so many runs one has no faults: what checkers find in it is theirs, and what is slow is slow in health. 0: none. */
  readonly calmEvery: number;
  /** Kinds that are drawn from; one that stands twice is drawn twice as often. */
  readonly kinds: readonly FaultKind[];
  /** A campaign with fewer counted faults, or of fewer kinds, has shown nothing. Of a whole campaign. */
  readonly atLeast: Bars;
  readonly paymentDeadlineMs: number;
  /** Everything must be settled within this after the last fault and the last wish (L1), in milliseconds. */
  readonly quietWithinMs: number;
  /** What the online probe suspects after a run must be gone within this, in milliseconds; 0: it is not asked. */
  readonly probeWithinMs: number;
  /** As after `--nodes`. */
  readonly nodes: string;
  readonly kafkaNodes: 1 | 3;
  /** Runs that share a cluster; then a fresh one is started. */
  readonly runsPerCluster: number;
  /** How long a fresh cluster is used before the first run on it, in milliseconds. */
  readonly warmUpMs: number;
  /** An hour of load after the runs, for the memory of long-lived processes, in milliseconds. */
  readonly loadMs: number;
}

/** Two faults at once can be in each other's way. */
const REFUSED_MAX = 0.2;
/** Every service that may have several nodes has two, so that nobody need notice when one dies. */
const NODES = 'orders=2,inventory=2,payments=2,carts=2,products=2,users=2,api=2';

const commit: Profile = {
  name: 'commit',
  runs: 1,
  runMs: 0,
  perSecond: 60,
  steps: 13,
  atOnceMax: 1,
  calmEvery: 0,
  faultMaxMs: 4_000,
  calmMs: [1_500, 2_500],
  // What was kept waiting is over by then, for the most part; for all of it a commit has no time.
  apartMs: 3_000,
  // What takes a second or two to happen and to heal; the others belong to the night.
  kinds: [
    'kill',
    'kill',
    'pause',
    'nats',
    'postgres-backend',
    'latency',
    'reset',
    'half-open',
    'partition',
    'provider',
    'poison',
    'crash-point',
    'kafka',
  ],
  // Whether a lone kill hits a node that others stand beside is drawn; health and hours are beyond two minutes.
  atLeast: { faults: 10, kinds: 6, refused: REFUSED_MAX, decided: 0.8, mayBeUnseen: ['L3', 'L5', 'L6'] },
  paymentDeadlineMs: 5_000,
  quietWithinMs: 90_000,
  // Of what is fresh; its round over all that there is takes longer than the run.
  probeWithinMs: 20_000,
  nodes: NODES,
  kafkaNodes: 1,
  runsPerCluster: 1,
  // Two minutes are too few to spend some of them on that; its rate is low.
  warmUpMs: 0,
  loadMs: 0,
};

const nightly: Profile = {
  name: 'nightly',
  runs: 120,
  runMs: 60_000,
  // A few are not begun because everybody still waits for an answer: 100 and more remain.
  perSecond: 105,
  steps: 4,
  atOnceMax: 3,
  calmEvery: 15,
  long: {
    every: 12,
    kinds: [
      'pause',
      'nats',
      'kafka',
      'postgres',
      'dynamodb',
      'link-down',
      'partition',
      'half-open',
      'one-way',
      'latency',
      'bandwidth',
      'overload',
    ],
    steps: 2,
    leastMs: 20_000,
    mostMs: 60_000,
  },
  faultMaxMs: 12_000,
  calmMs: [2_000, 5_000],
  // The longest deadline of the gateway, and a little more.
  apartMs: 16_000,
  kinds: faultKinds,
  atLeast: {
    faults: 240,
    kinds: faultKinds.length,
    refused: REFUSED_MAX,
    perSecond: 100,
    decided: 0.8,
    mayBeUnseen: ['L6'],
  },
  paymentDeadlineMs: 20_000,
  quietWithinMs: 90_000,
  probeWithinMs: 40_000,
  nodes: NODES,
  kafkaNodes: 3,
  runsPerCluster: 10,
  warmUpMs: 15_000,
  loadMs: 0,
};

/** All profiles by name. */
export const profiles: Readonly<Record<Profile['name'], Profile>> = {
  commit,
  nightly,
  release: {
    ...nightly,
    name: 'release',
    // The last looks lie beyond the hour.
    loadMs: 63 * 60_000,
    atLeast: { ...nightly.atLeast, mayBeUnseen: [] },
  },
};
