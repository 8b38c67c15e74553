// Nodes that die, stand still or stop under a steady load of calls: whoever calls must not notice.
import { afterAll, afterEach, beforeAll, describe, expect } from '@jest/globals';
import { once } from 'node:events';
import { circuitsOf } from '../../brokers/breakers.ts';
import { problemOf, render } from '../../services/api/failures.ts';
import { itWhere } from '../toolchain/it-where.ts';
import { until } from '../local/callers.fixture.ts';
import { findNats, missingNats } from '../local/servers/nats.ts';
import { ACTION, type Mesh, type Node, startMesh } from './nodes.fixture.ts';

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');
const LOAD = { perSecond: 200, ms: 6_000 };
const TIMEOUT_MS = 60_000;

let mesh: Mesh;
let nodes: readonly Node[];

const kill = (index: number, signal: NodeJS.Signals) => () => nodes[index]?.process.kill(signal);

async function two(): Promise<void> {
  nodes = await mesh.start('things-1', 'things-2');
}

beforeAll(async () => {
  if (findNats() !== undefined) mesh = await startMesh();
}, TIMEOUT_MS);
afterEach(async () => {
  for (const { process: child } of nodes) child.kill('SIGKILL');
  await mesh.settle();
}, TIMEOUT_MS);
afterAll(async () => {
  await mesh?.stop();
}, TIMEOUT_MS);

describe('of two nodes under 200 calls/s', () => {
  withNats(
    'one killed -9 costs no call, and hardly any time',
    async () => {
      await two();
      const { made, failed, slowest, answered } = await mesh.load({ ...LOAD, at: kill(0, 'SIGKILL') });
      expect(failed).toEqual([]);
      expect(made).toBeGreaterThanOrEqual(LOAD.perSecond * 5);
      expect([...answered.keys()].toSorted()).toEqual(['things-1', 'things-2']);
      // Heartbeats alone would take 3 s; the word of NATS takes none.
      expect(slowest).toBeLessThan(2_500);
      console.log(`killed: ${made} calls, ${failed.length} failed, slowest ${Math.round(slowest)} ms`);
    },
    TIMEOUT_MS,
  );

  withNats(
    'one that stands still costs no call; its circuits open, and close when it goes on',
    async () => {
      await two();
      let opened = 0;
      mesh.caller.localBus.on('$circuit-breaker.opened', () => (opened += 1));
      const { made, failed, slowest } = await mesh.load({ ...LOAD, at: kill(0, 'SIGSTOP') });
      expect(failed).toEqual([]);
      expect(opened).toBeGreaterThan(0);
      console.log(`paused: ${made} calls, ${failed.length} failed, slowest ${Math.round(slowest)} ms`);
      kill(0, 'SIGCONT')();
      await mesh.settle('things-1', 'things-2');
      // A circuit closes by the call that tries it: calls go on until all are closed.
      await until('the node that went on answers, and its circuits are closed', async () => {
        const asked = Array.from({ length: 20 }, (_, i) => mesh.caller.call(ACTION, {}, { shardKey: `again-${i}` }));
        const answers = await Promise.all(asked);
        const circuits = [...circuitsOf(mesh.caller).values()];
        const open = circuits.filter((circuit) => 'state' in circuit && circuit.state !== 'close');
        return answers.includes('things-1') && open.length === 0;
      });
    },
    TIMEOUT_MS,
  );

  withNats(
    'one that is stopped costs no call',
    async () => {
      await two();
      const { made, failed, slowest, answered } = await mesh.load({ ...LOAD, at: kill(0, 'SIGTERM') });
      expect(failed).toEqual([]);
      expect(answered.get('things-1')).toBeGreaterThan(0);
      await mesh.settle('things-2');
      expect(slowest).toBeLessThan(2_500);
      console.log(`stopped: ${made} calls, ${failed.length} failed, slowest ${Math.round(slowest)} ms`);
    },
    TIMEOUT_MS,
  );

  withNats(
    'calls in progress at one that is killed are made again at the other',
    async () => {
      await two();
      const calls = Array.from({ length: 50 }, (_, i) => mesh.caller.call(ACTION, { ms: 500 }, { shardKey: `k${i}` }));
      const startedAt = performance.now();
      kill(0, 'SIGKILL')();
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['things-2']));
      // Nobody calls the dead node anew; the ping of what it owes finds it out.
      expect(performance.now() - startedAt).toBeLessThan(2_500);
    },
    TIMEOUT_MS,
  );

  withNats(
    'one that is killed and back under its name at once owes nothing',
    async () => {
      await two();
      const calls = Array.from({ length: 20 }, (_, i) => mesh.caller.call(ACTION, { ms: 800 }, { shardKey: `k${i}` }));
      kill(0, 'SIGKILL')();
      nodes = [...nodes, ...(await mesh.start('things-1'))];
      await Promise.all(calls);
      await mesh.settle('things-1', 'things-2');
    },
    TIMEOUT_MS,
  );
});

describe('the only node', () => {
  withNats(
    'is answered for with 503 and Retry-After when it is dead, until it is back',
    async () => {
      nodes = await mesh.start('things-1');
      kill(0, 'SIGKILL')();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => mesh.caller.call(ACTION, {}, { shardKey: 'k' }).then(String, answerOf)),
      );
      await mesh.settle();
      answers.push(await mesh.caller.call(ACTION, {}, { shardKey: 'k' }).then(String, answerOf));
      for (const answer of answers) expect(answer).toBe('503 after 1');
      nodes = await mesh.start('things-1');
      expect(await mesh.caller.call(ACTION, {}, { shardKey: 'k' })).toBe('things-1');
    },
    TIMEOUT_MS,
  );
});

describe('NATS', () => {
  withNats(
    'away for 5 s: every call is refused at once with 503, and all is well again within seconds of its return',
    async () => {
      await two();
      const waiting = mesh.caller.call(ACTION, { ms: 5_000 }, { shardKey: 'k' }).then(String, answerOf);
      await mesh.stopNats();
      expect(await waiting).toBe('503 after 1');
      const awaySince = performance.now();
      let refused = 0;
      while (performance.now() - awaySince < 5_000) {
        const startedAt = performance.now();
        expect(await mesh.caller.call(ACTION, {}, { shardKey: `k${refused}` }).then(String, answerOf)).toBe(
          '503 after 1',
        );
        expect(performance.now() - startedAt).toBeLessThan(500);
        refused += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await mesh.startNats();
      const backSince = performance.now();
      await until('both nodes answer', async () => {
        const asked = Array.from({ length: 20 }, (_, i) => mesh.caller.call(ACTION, {}, { shardKey: `k${i}` }));
        const answers = await Promise.all(asked).catch(() => []);
        return new Set(answers).size === 2;
      });
      const tookMs = performance.now() - backSince;
      expect(tookMs).toBeLessThan(5_000);
      console.log(`NATS: ${refused} refused, back after ${Math.round(tookMs)} ms`);
    },
    TIMEOUT_MS,
  );
});

describe('a node', () => {
  withNats(
    'can stop while NATS is away, and says so to nobody',
    async () => {
      nodes = await mesh.start('things-1');
      const [{ process: child }] = nodes as [Node];
      await mesh.stopNats();
      const startedAt = performance.now();
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      await mesh.startNats();
    },
    TIMEOUT_MS,
  );
});

/** What the gateway would answer. */
function answerOf(error: unknown): string {
  const { status, headers } = render(problemOf(error).problem, 'r-1');
  return `${status} after ${headers['Retry-After']}`;
}
