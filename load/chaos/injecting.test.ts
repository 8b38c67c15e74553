// Faults are brought about, taken away again and told with their evidence, also when something goes wrong with them.
import { describe, expect, it } from '@jest/globals';
import { type Fault, type FaultKind, faultKinds, type FaultSource } from './faults/fault.ts';
import type { History } from './history/operation.ts';
import { injectAll } from './injecting.ts';
import type { Step } from './schedule.ts';
import type { World } from './world.ts';

interface Scene {
  readonly happened: string[];
  readonly said: string[];
  readonly impossible: { readonly kind: FaultKind; readonly why: string }[];
  readonly world: World;
}

function scene(signal = new AbortController().signal): Scene {
  const said: string[] = [];
  return {
    happened: [],
    said,
    impossible: [],
    world: { say: (what: string) => said.push(what), signal } as unknown as World,
  };
}

function fault(
  { happened }: Scene,
  target: string,
  changes: Partial<Fault> & { evidence?: readonly string[] } = {},
): Fault {
  const { evidence = [`${target} was hit`], ...others } = changes;
  return {
    kind: 'kill',
    target,
    lastsMs: 1,
    async inject() {
      happened.push(`hit ${target}`);
      return {
        heal: async () => void happened.push(`healed ${target}`),
        evidence: async () => evidence,
      };
    },
    ...others,
  };
}

function inject(
  scenery: Scene,
  faults: Partial<Record<FaultKind, readonly Fault[] | (() => readonly Fault[])>>,
  steps: readonly Step[],
  history: History = [],
) {
  const sources = Object.fromEntries(
    faultKinds.map((kind): [FaultKind, FaultSource] => {
      const { [kind]: found = [] } = faults;
      return [kind, typeof found === 'function' ? found : () => found];
    }),
  ) as Record<FaultKind, FaultSource>;
  const judging = injectAll({
    world: scenery.world,
    sources,
    steps,
    seed: 1,
    faults: [],
    impossible: scenery.impossible,
    faultMaxMs: 10,
    history: async () => [],
    now: () => performance.now(),
  });
  return judging.then((judge) => judge(history));
}

const once = (...kinds: FaultKind[]): Step => ({ afterMs: 0, kinds });

describe('faults', () => {
  it('happen one step after another, and are healed before the next', async () => {
    const here = scene();
    const records = await inject(here, { kill: [fault(here, 'orders-1')], pause: [fault(here, 'carts-1')] }, [
      once('kill'),
      once('pause'),
    ]);
    expect(here.happened).toEqual(['hit orders-1', 'healed orders-1', 'hit carts-1', 'healed carts-1']);
    expect(records.map(({ evidence }) => evidence)).toEqual([['orders-1 was hit'], ['carts-1 was hit']]);
    expect(records[0]?.to).toBeGreaterThan(records[0]?.from ?? 0);
  });

  it('of one step never hit the same', async () => {
    const here = scene();
    const both = [fault(here, 'orders-1'), fault(here, 'carts-1')];
    for (let i = 0; i < 20; i++)
      await inject(here, { kill: both, pause: [fault(here, 'orders-1')] }, [once('pause', 'kill')]);
    expect(here.happened.filter((what) => what === 'hit carts-1')).toHaveLength(20);
  });

  it('of one step never hit a node of Kafka and an edge to Kafka, which is one to all of them', async () => {
    const here = scene();
    const faults = { kafka: [fault(here, 'kafka-3')], 'half-open': [fault(here, 'activity → kafka')] };
    expect(await inject(here, faults, [once('kafka', 'half-open')])).toHaveLength(1);
  });

  it('that are impossible are told with the reason', async () => {
    const here = scene();
    const impossible = fault(here, 'the disk', { impossible: 'there is no cgroup to slow it' });
    expect(await inject(here, { 'slow-disk': [impossible] }, [once('slow-disk')])).toEqual([]);
    expect(here.impossible).toEqual([{ kind: 'slow-disk', why: 'there is no cgroup to slow it' }]);
    expect(here.said.join()).toContain('there is no cgroup to slow it');
  });

  it('without evidence are told too', async () => {
    const here = scene();
    const [record] = await inject(here, { kill: [fault(here, 'orders-1', { evidence: [] })] }, [once('kill')]);
    expect(record?.evidence).toEqual([]);
    expect(here.said.join()).toContain('no evidence');
  });

  it('that cannot be brought about or healed do not count, and say why', async () => {
    const here = scene();
    const neverBegins = fault(here, 'nats', { inject: () => Promise.reject(new Error('no such process')) });
    const neverEnds = fault(here, 'kafka', {
      inject: async () => ({
        heal: () => Promise.reject(new Error('it stays away')),
        evidence: async () => ['killed'],
      }),
    });
    const records = await inject(here, { nats: [neverBegins], kafka: [neverEnds] }, [once('nats'), once('kafka')]);
    expect(records).toMatchObject([
      { refused: 'no such process', evidence: [] },
      { error: 'it stays away', evidence: [] },
    ]);
  });

  it('are judged by the whole history, when every call has its answer', async () => {
    const here = scene();
    const late = { id: 7, at: 0 } as History[number];
    const judged = fault(here, 'orders-1', {
      inject: async () => ({
        heal: async () => {},
        evidence: async () => ['killed'],
        violations: async (history) => history.map(({ id }) => `${id} failed`),
      }),
    });
    expect(await inject(here, { kill: [judged] }, [once('kill')], [late])).toMatchObject([
      { violations: ['7 failed'] },
    ]);
  });

  it('last as long as their step says, if there are such', async () => {
    const here = scene();
    const lasting = (lastsMs: number) => fault(here, `nats ${lastsMs}`, { lastsMs });
    const step = { ...once('nats'), leastMs: 15, mostMs: 30 };
    const [record] = await inject(here, { nats: [lasting(1), lasting(2), lasting(25)] }, [step]);
    expect(record).toMatchObject({ target: 'nats 25' });
    expect((record?.to ?? 0) - (record?.from ?? 0)).toBeGreaterThanOrEqual(24);
    // A server of which there is one lasts as long as its source has drawn; it is asked again.
    let asked = 0;
    const source = () => [lasting((asked += 1) < 3 ? 1 : 25)];
    const [again] = await inject(here, { nats: source }, [step]);
    expect(again).toMatchObject({ target: 'nats 25' });
    expect(await inject(here, { nats: [lasting(2)] }, [step])).toMatchObject([{ target: 'nats 2' }]);
  });

  it('are healed when the run is broken off', async () => {
    const breaker = new AbortController();
    const here = scene(breaker.signal);
    const breaks = fault(here, 'orders-1', {
      async inject() {
        breaker.abort(new Error('enough'));
        return { heal: async () => void here.happened.push('healed'), evidence: async () => [] };
      },
    });
    await expect(inject(here, { kill: [breaks] }, [once('kill'), once('kill')])).rejects.toThrow(/abort/i);
    expect(here.happened).toEqual(['healed']);
  });
});
