// What a fault has done is taken back, also if bringing it about or measuring it fails halfway; and it tells when that was.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import type { Probe } from '../../../infra/local/cluster/edge-probe.ts';
import type { Edges } from '../../../infra/local/cluster/edges.ts';
import { historyClock } from '../history/recorder.ts';
import type { World } from '../world.ts';
import { clockSkews } from './clock.ts';
import type { Fault } from './fault.ts';
import { latencies, type NetworkWorld, partitions } from './network.ts';
import { overloads } from './overload.ts';
import { kafkaOutages } from './servers.ts';
import { wishSkew } from './skewed-clock.ts';

/** Beyond the numbers that a process can have here. */
const NOBODY = 2 ** 30;
const world = (cluster: object, more: object = {}) =>
  ({ cluster, say: () => {}, signal: new AbortController().signal, ...more }) as unknown as World;
const first = <F extends Fault>(faults: readonly F[]): F => faults[0] as F;

it('a server that was to be held down is let back if that fails', async () => {
  const released: string[] = [];
  const cluster = {
    pidOf: () => NOBODY,
    signal: () => NOBODY,
    supervisor: {
      states: () => [{ name: 'kafka-1', state: 'ready', pid: NOBODY }],
      hold: () => Promise.reject(new Error('it does not stop')),
      release: (name: string) => released.push(name),
    },
  };
  await expect(first(kafkaOutages(world(cluster), chanceOf(1))).inject(world(cluster))).rejects.toThrow('not stop');
  expect(released).toEqual(['kafka-1']);
});

it('a clock that was to be wrong is right at the next start if its node cannot be told', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'souk-clock-'));
  try {
    const states = [{ name: 'orders-1', state: 'ready', pid: NOBODY }];
    const here = world({ dataDir, supervisor: { states: () => states } });
    wishSkew(dataDir, 'orders-1.told', 0); // what its node has said, as far as it counts here
    const told = join(dataDir, 'chaos', 'clock', 'orders-1.told.json');
    expect(JSON.parse(readFileSync(told, 'utf8'))).toEqual({ skewMs: 0 });
    const impatient = {
      ...states[0],
      get pid(): number {
        throw new Error('the supervisor is gone');
      },
    };
    const fault = first(clockSkews(here, chanceOf(1)));
    expect(fault.impossible).toBeUndefined();
    let asked = 0;
    const broken = world({ dataDir, supervisor: { states: () => (asked++ === 0 ? [impatient] : states) } });
    await expect(fault.inject(broken)).rejects.toThrow('the supervisor is gone');
    expect(JSON.parse(readFileSync(join(dataDir, 'chaos', 'clock', 'orders-1.json'), 'utf8'))).toEqual({ skewMs: 0 });
  } finally {
    rmSync(dataDir, { recursive: true });
  }
});

/** One edge, whose proxy works and of which nobody can tell anything from a certain question on. */
function edgeOf(fails: { connections?: boolean; probesFrom?: number; cut?: boolean }) {
  const on = new Set<string>();
  let probes = 0;
  const probe: Probe = { outcome: 'answered', tookMs: 1 };
  const edges: Partial<Edges> = {
    names: ['a → b'],
    of: () => ['a → b'],
    add: async () => {
      on.add('toxic');
      return async () => void on.delete('toxic');
    },
    cut: async () => {
      on.add('cut');
      if (fails.cut === true) throw new Error('the second proxy is gone');
    },
    mend: async () => void on.delete('cut'),
    probe: async () => {
      probes += 1;
      if (probes >= (fails.probesFrom ?? Number.POSITIVE_INFINITY)) throw new Error('no probe');
      return [probe];
    },
    states: async () => [],
    connections: async () => {
      if (fails.connections === true) throw new Error('no connections can be counted');
      return undefined;
    },
  };
  return { on, world: world({ edges }) as unknown as NetworkWorld };
}

it.each([
  [{ connections: true }, 'no connections can be counted'],
  [{ probesFrom: 2 }, 'no probe'],
])('harm to an edge is taken away if what it does cannot be seen: %j', async (fails, why) => {
  const { on, world: here } = edgeOf(fails);
  await expect(first(latencies(here, chanceOf(1))).inject(here)).rejects.toThrow(why);
  expect([...on]).toEqual([]);
});

it('an edge that is cut by half is mended', async () => {
  const { on, world: here } = edgeOf({ cut: true });
  await expect(first(partitions(here, chanceOf(1))).inject(here)).rejects.toThrow('the second proxy is gone');
  expect([...on]).toEqual([]);
});

it('harm to an edge is taken away if it cannot be measured at its end', async () => {
  const { on, world: here } = edgeOf({ probesFrom: 3 });
  const injected = await first(latencies(here, chanceOf(1))).inject(here);
  expect([...on]).toEqual(['toxic']);
  await expect(injected.heal()).rejects.toThrow('no probe');
  expect([...on]).toEqual([]);
});

it('tells when it was taken away', async () => {
  const { world: here } = edgeOf({});
  const injected = await first(latencies(here, chanceOf(1))).inject(here);
  expect(injected.healedAt?.()).toBeUndefined();
  const from = historyClock();
  await injected.heal();
  expect(injected.healedAt?.()).toBeGreaterThanOrEqual(from);
  expect(injected.healedAt?.()).toBeLessThanOrEqual(historyClock());
});

it('clients of an overload that cannot begin are sent home', async () => {
  let [begun, there] = [0, 0];
  const load = {
    perSecond: 1,
    burst() {
      begun += 1;
      if (begun === 2) throw new Error('no more clients');
      there += 1;
      return { stop: async () => void (there -= 1) };
    },
  };
  const here = world({}, { load });
  await expect(first(overloads(here, chanceOf(1))).inject(here)).rejects.toThrow('no more clients');
  expect([begun, there]).toEqual([2, 0]);
});
