// A whole cluster for tests: real servers, every service its own process, on free ports and data of its own; with callers,
// and with what a test may do to it. Its nodes are started again by its supervisor, as everywhere.

import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readSettings, type Settings } from '../../../mixins/settings.ts';
import { admin, callersOf, until } from '../callers.fixture.ts';
import { readLedger } from '../provider/ledger.ts';
import type { Change } from '../servers/supervisor.ts';
import { missingDynamo } from '../servers/dynamodb-local.ts';
import { missingKafka } from '../servers/kafka.ts';
import { findNats, missingNats } from '../servers/nats.ts';
import { findToxiproxy, missingToxiproxy } from '../servers/toxiproxy.ts';
import { type ClusterOptions, startCluster } from './cluster.ts';
import { mountOwnDisk } from './own-disk.ts';
import { type NodePlan, planNodes } from './plan.ts';

export * from '../callers.fixture.ts';

/** Why no cluster can be started here, in a sentence; undefined if one can. */
export function missingServers(): string | undefined {
  return missingDynamo() ?? missingKafka() ?? (findNats() === undefined ? missingNats() : undefined);
}

/** Why no cluster with edges can be started here, in a sentence; undefined if one can. */
export function missingForEdges(): string | undefined {
  return missingServers() ?? (findToxiproxy() === undefined ? missingToxiproxy() : undefined);
}

export interface TestClusterOptions extends Pick<ClusterOptions, 'migrate' | 'programOf' | 'edges'> {
  /** As after `--nodes`: "orders=2,api=2"; or the nodes themselves. */
  readonly nodes?: string | readonly NodePlan[];
  readonly settings?: Partial<Settings>;
  readonly catalogue?: boolean;
  readonly webhooks?: 'all' | 'unanswered';
  readonly kafkaNodes?: 1 | 3;
  /** Puts PostgreSQL's files on a small disk of their own, to be slowed down and filled; see `missingOwnDisk`. */
  readonly ownDisk?: boolean;
  /** Keeps the files of DynamoDB Local in memory, where this machine has a place for such; see `inMemory`. */
  readonly dynamoInMemory?: boolean;
}

export type TestCluster = Awaited<ReturnType<typeof startTestCluster>>;

/** Starts a cluster; `stop` it. One that could not be started leaves nothing behind. */
export async function startTestCluster(options: TestClusterOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'souk-cluster-'));
  const undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    return await startIn(folder, undo, options);
  } catch (error) {
    await undo.disposeAsync().catch((also: unknown) => {
      throw new Error(`${String(error)}; and taking back what was started failed: ${String(also)}`, { cause: error });
    });
    throw error;
  }
}

/** A folder of every Linux whose files are in memory. */
const MEMORY = '/dev/shm';

/**
 * Puts a folder into memory. DynamoDB Local writes one item at a time, each with several waits for the disk: on a busy
 * disk that is 10 to 40 a second, which says nothing of DynamoDB. What it has taken survives its death as before.
 */
function inMemory(folder: string, undo: AsyncDisposableStack): void {
  if (!existsSync(MEMORY)) return;
  const place = mkdtempSync(join(MEMORY, 'souk-cluster-'));
  undo.defer(() => rmSync(place, { recursive: true, force: true }));
  mkdirSync(dirname(folder), { recursive: true });
  symlinkSync(place, folder);
}

/** @param undo is told how to take back each thing that was done; whatever fails, all of it is tried, the last first */
async function startIn(folder: string, undo: AsyncDisposableStack, options: TestClusterOptions) {
  const {
    nodes = '',
    settings = {},
    catalogue = false,
    webhooks = 'unanswered',
    kafkaNodes = 1,
    ownDisk = false,
    dynamoInMemory = false,
    ...releases
  } = options;
  const changes: Change[] = [];
  const givenUp: string[] = [];
  const disk = ownDisk ? await mountOwnDisk(folder) : undefined;
  undo.defer(() => disk?.unmount());
  if (dynamoInMemory) inMemory(join(folder, 'servers', 'dynamodb'), undo);
  const startedAt = performance.now();
  const cluster = await startCluster({
    settings: {
      ...readSettings({}),
      port: 0,
      dataDir: folder,
      adminEmail: admin.email,
      adminPassword: admin.password,
      ...settings,
    },
    nodes: typeof nodes === 'string' ? planNodes(nodes) : nodes,
    progress: () => {},
    onChange: (change) => changes.push(change),
    onGiveUp: (message) => givenUp.push(message),
    withoutCatalogue: !catalogue,
    webhooks,
    kafkaNodes,
    ...releases,
  });
  undo.defer(() => cluster.stop());
  const readyMs = performance.now() - startedAt;
  const callers = await callersOf(cluster.url);

  function stateOf(name: string): Change {
    const found = cluster.supervisor.states().find((state) => state.name === name);
    if (found === undefined) throw new Error(`the cluster has no ${name}`);
    return found;
  }

  function pidOf(name: string): number {
    const { pid, state } = stateOf(name);
    if (pid === undefined) throw new Error(`${name} does not run: it is ${state}`);
    return pid;
  }

  return {
    ...cluster,
    ...callers,
    /** From the first step to the first order that would be taken, in milliseconds. */
    readyMs,
    changes,
    /** What the supervisor has given up. */
    givenUp,
    pidOf,
    /** Sends a signal to a node or server. @returns the process */
    signal(name: string, signal: NodeJS.Signals): number {
      const pid = pidOf(name);
      process.kill(pid, signal);
      return pid;
    },
    /** Resolves once another process serves under this name. */
    isBack: (name: string, before: number): Promise<unknown> =>
      until(`${name} is back`, () => stateOf(name).state === 'ready' && stateOf(name).pid !== before, 30_000),
    /** The provider's book, read beside it. */
    ledger: () => readLedger(join(cluster.dataDir, 'provider', 'ledger.sqlite')),
    disk,
    stop: () => undo.disposeAsync(),
  };
}
