// The supervisor over processes that are played: order, restarts, giving up, stopping. With real ones: supervisor.int.test.ts.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { journal, type Part, play, type Played } from './supervisor.fixture.ts';
import { supervise, type Supervisor, type SupervisorOptions } from './supervisor.ts';

const NOBODY = 'nobody-carries-this';

let story: ReturnType<typeof journal>;
let supervisor: Supervisor | undefined;

const cast = <const Names extends Record<string, Omit<Part, 'name'>>>(parts: Names) =>
  Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, play({ name, ...part })])) as {
    [Name in keyof Names]: Played;
  };

const start = (parts: Readonly<Record<string, Played>>, options: Partial<SupervisorOptions> = {}) =>
  (supervisor = supervise(
    Object.values(parts).map(({ unit }) => unit),
    { mark: NOBODY, onChange: story.onChange, pauseMaxMs: 1, ...options },
  ));

beforeEach(() => {
  story = journal();
});

afterEach(async () => {
  await supervisor?.stop();
  supervisor = undefined;
});

describe('a start', () => {
  it('waits for what it needs, in whatever order the units are given', async () => {
    const parts = cast({ orders: { after: ['kafka', 'nats'] }, kafka: {}, nats: {} });
    const { ready, states } = start(parts);
    expect(states().map(({ state }) => state)).toEqual(['waiting', 'waiting', 'waiting']);
    await ready;
    expect(story.texts().slice(-2)).toEqual(['orders starting', 'orders ready']);
    expect(states().map(({ name, state }) => `${name} ${state}`)).toEqual([
      'orders ready',
      'kafka ready',
      'nats ready',
    ]);
    expect(new Set(states().map(({ pid }) => pid)).size).toBe(3);
  });

  it('that fails stops everything again and is told', async () => {
    const refuse = () => {
      throw new Error('no Java here');
    };
    const parts = cast({ nats: {}, kafka: { after: ['nats'], onStart: refuse }, orders: { after: ['kafka'] } });
    const { ready, states } = start(parts);
    await expect(ready).rejects.toThrow('no Java here');
    expect(parts.orders.starts()).toBe(0);
    expect(states().map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
  });

  it.each([
    [{ a: { after: ['b'] } }, 'a starts after b, which is not among the units.'],
    [{ a: { after: ['b'] }, b: { after: ['a'] } }, 'These units wait for each other: a → b → a.'],
  ])('refuses %j', (parts, message) => {
    expect(() => start(cast(parts))).toThrow(message);
  });

  it('refuses two of one name', () => {
    const twice = { one: play({ name: 'nats' }), two: play({ name: 'nats' }) };
    expect(() => start(twice)).toThrow('Names of units must differ, and these are given twice: nats.');
  });
});

describe('a unit that died', () => {
  it('is started again, alone, as often as it takes', async () => {
    const parts = cast({ nats: {}, orders: { after: ['nats'] } });
    await start(parts).ready;
    for (const starts of [2, 3, 4]) {
      const again = story.next('nats ready');
      parts.nats.die();
      await again;
      expect(parts.nats.starts()).toBe(starts);
    }
    expect(story.changes.find(({ state }) => state === 'restarting')?.reason).toBe('was ended by SIGKILL');
    expect(parts.orders.starts()).toBe(1);
  });

  it('is left alone when it fails again and again, and that is said', async () => {
    const onlyOnce = (attempt: number) => {
      if (attempt > 1) throw new Error('port taken');
    };
    const parts = cast({ nats: { onStart: onlyOnce }, orders: {} });
    const { promise: message, resolve } = Promise.withResolvers<string>();
    const { ready, states } = start(parts, { onGiveUp: resolve });
    await ready;
    parts.nats.die();
    expect(await message).toBe(
      'nats did not start again (port taken). It failed 10 times in a row and is not started again.',
    );
    expect(states().map(({ state }) => state)).toEqual(['given-up', 'ready']);
    expect(parts.nats.starts()).toBe(11);
  });

  it('stays down while it is held', async () => {
    const parts = cast({ kafka: {} });
    const { ready, hold, release, states } = start(parts);
    await ready;
    const down = story.next('kafka stopped');
    await hold('kafka');
    expect((await down).reason).toBe('it is held');
    expect(states()[0]?.pid).toBeUndefined();
    const again = story.next('kafka ready');
    release('kafka');
    await again;
    expect(parts.kafka.starts()).toBe(2);
    await expect(hold('zookeeper')).rejects.toThrow('There is no zookeeper; there are kafka.');
  });
});

describe('a stop', () => {
  it('goes in reverse: nothing ends before all that need it', async () => {
    const parts = cast({
      nats: {},
      kafka: {},
      orders: { after: ['nats', 'kafka'] },
      api: { after: ['orders', 'nats'] },
    });
    const { ready, stop } = start(parts);
    await ready;
    await Promise.all([stop(), stop()]);
    const ends = story.texts().filter((text) => text.endsWith(' stopped'));
    expect(ends.slice(0, 2)).toEqual(['api stopped', 'orders stopped']);
    expect(ends.slice(2).toSorted()).toEqual(['kafka stopped', 'nats stopped']);
  });

  it('does not wait for ever, and starts nobody again', async () => {
    const parts = cast({ kafka: { onStop: () => new Promise(() => {}) }, nats: {} });
    const { ready, stop } = start(parts, { stopMs: 20 });
    await ready;
    await stop();
    parts.kafka.die();
    expect([parts.kafka.starts(), parts.nats.starts()]).toEqual([1, 1]);
  });

  it('also ends a start that has hardly begun, and one whose unit is held', async () => {
    const parts = cast({ nats: {}, orders: { after: ['nats'] } });
    const { ready, stop } = start(parts);
    await stop();
    await expect(ready).rejects.toThrow('The supervisor was stopped.');
    expect(parts.orders.starts()).toBe(0);

    const held = start(cast({ kafka: {} }));
    await held.ready;
    await held.hold('kafka');
    await held.stop();
    expect(held.states()[0]?.state).toBe('stopped');
  });
});
