// For tests: nodes as processes over a real NATS server, a caller among them, and a steady stream of calls.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceBroker } from 'moleculer';
import { liveNodes } from '../../brokers/failover.ts';
import { until } from '../local/callers.fixture.ts';
import { type Nats, startNats } from '../local/servers/nats.ts';
import { markOf } from '../local/servers/orphans.ts';
import { nodeOptions } from './things.fixture.ts';

const PROGRAM = join(import.meta.dirname, 'things.fixture.ts');
export const ACTION = 'things.get';

export interface Node {
  readonly id: string;
  readonly process: ChildProcess;
}

export interface Mesh {
  readonly caller: ServiceBroker;
  nats(): Nats;
  /** Starts nodes and waits until the caller knows them. */
  start(...ids: readonly string[]): Promise<readonly Node[]>;
  live(): readonly string[];
  /** Waits until exactly these nodes can be called. */
  settle(...ids: readonly string[]): Promise<void>;
  stopNats(): Promise<void>;
  startNats(): Promise<void>;
  /** Calls at this rate for so long; `at` happens after a third of it. */
  load(options: { readonly perSecond: number; readonly ms: number; readonly at: () => unknown }): Promise<Load>;
  stop(): Promise<void>;
}

export interface Load {
  readonly made: number;
  readonly failed: readonly Error[];
  /** Milliseconds that the slowest call took. */
  readonly slowest: number;
  /** Answers by node. */
  readonly answered: ReadonlyMap<string, number>;
}

/** A mesh without nodes: NATS, and a caller of the name `api-1`. */
export async function startMesh(): Promise<Mesh> {
  const folder = mkdtempSync(join(tmpdir(), 'souk-mesh-'));
  const nodes: Node[] = [];
  let nats = await startNats({ folder, mark: markOf(folder) });
  const { url, port } = nats;
  const caller = new ServiceBroker(nodeOptions('api-1', url, join(folder, 'api-1.log')));
  await caller.start();
  const live = () => liveNodes(caller, ACTION).toSorted();

  async function startNode(id: string): Promise<Node> {
    const env = { ...process.env, NODE_OPTIONS: '', NODE_ID: id, NATS_URL: url, LOG_FILE: join(folder, `${id}.log`) };
    const child = fork(PROGRAM, [], { env, execArgv: ['--disable-warning=ExperimentalWarning'] });
    const node = { id, process: child };
    nodes.push(node);
    await once(child, 'message');
    return node;
  }

  return {
    caller,
    live,
    nats: () => nats,
    async start(...ids) {
      const started = await Promise.all(ids.map(startNode));
      await until(`the caller knows ${ids.join()}`, () => ids.every((id) => live().includes(id)));
      return started;
    },
    async settle(...ids) {
      await until(`these can be called: ${ids.join()}`, async () => {
        // A dead node is found by calling it.
        const calls = live().map((nodeID) => caller.call(ACTION, {}, { nodeID, timeout: 100 }));
        await Promise.allSettled(calls);
        return live().join() === ids.toSorted().join();
      });
    },
    stopNats: () => nats.stop(),
    async startNats() {
      nats = await startNats({ folder, mark: markOf(folder), port });
    },
    load: (options) => load(caller, options),
    async stop() {
      for (const { process: child } of nodes) child.kill('SIGKILL');
      await caller.stop();
      await nats.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

async function load(
  caller: ServiceBroker,
  { perSecond, ms, at }: { readonly perSecond: number; readonly ms: number; readonly at: () => unknown },
): Promise<Load> {
  const failed: Error[] = [];
  const answered = new Map<string, number>();
  const calls: Promise<void>[] = [];
  let slowest = 0;

  async function one(number: number): Promise<void> {
    const startedAt = performance.now();
    const meta: { node?: string } = {};
    try {
      const node = await caller.call<string, object>(ACTION, {}, { shardKey: `k${number}`, timeout: 10_000, meta });
      answered.set(node, (answered.get(node) ?? 0) + 1);
      if (meta.node !== node) throw new Error(`${node} answered, and the context says ${meta.node}`);
    } catch (error) {
      failed.push(error as Error);
    }
    slowest = Math.max(slowest, performance.now() - startedAt);
  }

  const startedAt = performance.now();
  const wanted = () => Math.min(((performance.now() - startedAt) / 1_000) * perSecond, (ms / 1_000) * perSecond);
  let isDone = false;
  while (performance.now() - startedAt < ms) {
    if (!isDone && performance.now() - startedAt > ms / 3) {
      isDone = true;
      at();
    }
    while (calls.length < wanted()) calls.push(one(calls.length));
    await delay(2);
  }
  await Promise.all(calls);
  return { made: calls.length, failed, slowest, answered };
}
