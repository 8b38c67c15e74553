// What is pure about faults: what they draw, read and conclude.

import { describe, expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { topics } from '../../../brokers/topics.ts';
import { flawOf, VALUE_BYTES_MAX } from '../../../mixins/kafka-log/cloud-event.ts';
import type { TestCluster } from '../../../infra/local/cluster/cluster.fixture.ts';
import type { Ending, History, Operation } from '../history/operation.ts';
import type { World } from '../world.ts';
import { faultKinds } from './fault.ts';
import { faultSources } from './faults.ts';
import { collapse, judgeOverload, oddities, shownBy } from './overload.ts';
import { type Poison, poisoned, poisons, poisonViolations, reasons } from './poison.ts';
import { believed } from './provider.ts';
import { setBack } from './rewind.ts';
import { failuresDuring, noticed, replaceable } from './rolling.ts';
import { shiftDate } from './skewed-clock.ts';
import { harmDone, nodesOf, parseStat, serversOf } from './witness.ts';

/** A cluster of these units that nobody has started. */
function worldOf(...names: string[]): World {
  const states = names.map((name, n) => ({ name, state: 'ready', pid: 100 + n, reason: undefined }));
  const cluster = { dataDir: '/nowhere', supervisor: { states: () => states } } as unknown as TestCluster;
  return { cluster, say: () => {}, signal: new AbortController().signal };
}

const servers = ['nats', 'kafka-1', 'kafka-2', 'kafka-3', 'dynamodb', 'postgres', 'schema', 'provider'];
const nodes = ['orders-1', 'orders-2', 'payments-1', 'api-1', 'api-2'];
const world = worldOf(...servers, ...nodes);

const operation = (id: number, at: number, ending?: Partial<Ending>): Operation => ({
  id,
  at,
  process: `guest-${id}`,
  kind: 'place-order',
  principal: 'guest',
  intent: String(id),
  method: 'POST',
  path: '/api/v1/orders',
  ...(ending === undefined ? {} : { ending: { endedAt: at + 10, outcome: 'ok', ...ending } }),
});

describe('a cluster', () => {
  it('has nodes, and servers that are none', () => {
    expect(nodesOf(world)).toEqual(nodes);
    expect(serversOf(world, /^kafka/)).toEqual(['kafka-1', 'kafka-2', 'kafka-3']);
    expect(replaceable(world)).toEqual(['orders-1', 'orders-2', 'api-1', 'api-2']);
  });

  it('has for each kind of fault a source; those of one seed draw alike', () => {
    expect(Object.keys(faultSources).toSorted()).toEqual([...faultKinds].toSorted());
    const mine = ['kill', 'pause', 'rolling-restart', 'nats', 'kafka', 'postgres', 'dynamodb', 'rewind'] as const;
    for (const kind of mine) {
      const drawn = (seed: number) => {
        return faultSources[kind](world, chanceOf(seed)).map(({ target, lastsMs }) => `${target} ${lastsMs}`);
      };
      expect(drawn(7).length).toBeGreaterThan(0);
      expect(drawn(7)).toEqual(drawn(7));
    }
    const pauses = faultSources.pause(world, chanceOf(7));
    expect(pauses.map(({ target }) => target)).toEqual([...nodes, 'provider']);
    for (const { lastsMs } of pauses) expect(lastsMs >= 1_000 && lastsMs <= 30_000).toBe(true);
  });

  it('says what it cannot do, and why', () => {
    for (const { impossible } of faultSources['clock-skew'](world, chanceOf(1)))
      expect(impossible).toMatch(/SKEWED_NODE/);
    expect(faultSources.overload(world, chanceOf(1))[0]?.impossible).toMatch(/load/);
  });
});

describe('the kernel', () => {
  it('tells of a process whose name holds anything', () => {
    const line = '42 (node) (x) T 1 42 42 0 -1 0 0 0 0 0 30 12 0 0 20 0';
    expect(parseStat(line)).toEqual({ state: 'T', ticks: 42 });
  });
});

describe('a history', () => {
  it('tells the harm that was done', () => {
    expect(harmDone([operation(1, 0, { status: 201 })])).toBeUndefined();
    const harmed = [operation(1, 0, { status: 503 }), operation(2, 0, { error: 'ECONNRESET' }), operation(3, 0)];
    expect(harmDone(harmed)).toBe('of 3 operations 1 were refused with 503 and 1 got no answer');
    expect(failuresDuring(harmed)).toBe('2 of 3 requests failed meanwhile');
  });

  it('shows who noticed a rolling restart, but for those who needed a node that has no other', () => {
    const during = { from: 0, to: 1_000 };
    const seen = (history: History, gaps: Parameters<typeof noticed>[3] = []) => noticed('all', history, during, gaps);
    const fine = operation(1, 0, { status: 201 });
    const conflict = operation(2, 5, { outcome: 'fail', status: 409 });
    const never = operation(3, 6);
    expect(seen([fine, conflict, never])).toEqual([]);
    const refused = operation(4, 100, { outcome: 'fail', status: 503 });
    const broken = operation(5, 200, { outcome: 'unknown', error: 'ECONNRESET' });
    expect(seen([fine, refused, broken])).toEqual([
      expect.stringMatching(/^while all were replaced, POST .* \(operation 4\) answered 503: /),
      expect.stringMatching(/\(operation 5\) broke off \(ECONNRESET\): /),
    ]);
    expect(seen([refused, broken], [{ from: 105, to: 150 }])).toHaveLength(1);
    const many = Array.from({ length: 8 }, (_, i) => ({ ...refused, id: i }));
    expect(seen(many).at(-1)).toBe('and 3 more');
  });

  it('shows of a rolling restart also who had asked before, and who was told long after', () => {
    const failed = { outcome: 'fail', status: 503 } as const;
    const under = [
      operation(1, 90, { ...failed, endedAt: 140 }),
      operation(2, 190, { ...failed, endedAt: 15_190 }),
      operation(3, 90, { ...failed, endedAt: 99 }),
      operation(4, 201, { ...failed, endedAt: 300 }),
    ];
    expect(noticed('all', under, { from: 100, to: 200 }, [])).toHaveLength(2);
  });

  it('tells as odd under overload what was neither taken, nor refused by a rule, nor put off', () => {
    const put = (id: number, ending: Partial<Ending>) => operation(id, 10, { outcome: 'fail', ...ending });
    const right = [
      put(1, { outcome: 'ok', status: 201 }),
      put(2, { status: 429, retryAfter: 1 }),
      put(3, { status: 503, retryAfter: 2 }),
      put(4, { status: 409 }),
      operation(5, 10),
    ];
    const wrong = [put(6, { status: 503 }), put(7, { status: 429 }), put(8, { status: 500 })];
    const broken = operation(9, 10, { outcome: 'unknown', error: 'timeout' });
    const { odd } = judgeOverload([...right, ...wrong, broken], 0, 100);
    expect(odd.map(({ id }) => id)).toEqual([6, 7, 8, 9]);
    expect(oddities(odd)[0]).toMatch(/\(operation 6\) answered 503 without Retry-After/);
    expect(oddities(odd)[3]).toMatch(/\(operation 9\) got no answer \(timeout\)/);
    expect(oddities([])).toEqual([]);
  });

  it('tells what became of an overload', () => {
    const took = Array.from({ length: 2_000 }, (_, i) => operation(i, i * 10, { status: 201 }));
    const sent = Array.from({ length: 100 }, (_, i) => operation(2_000 + i, 18_000 + i * 20, {}));
    const refused = sent.map((each) => ({
      ...each,
      ending: { endedAt: each.at + 1, outcome: 'fail' as const, status: 503, retryAfter: 1 },
    }));
    const odd = operation(3_000, 19_000, { outcome: 'fail', status: 503 });
    const seen = judgeOverload([...took, ...refused, odd], 18_000, 20_000);
    expect(seen).toMatchObject({ offered: 150.5, goodput: 100, peak: 100, refused: 50, odd: [odd] });
  });
});

describe('an overload', () => {
  /** So many operations end in each of these seconds, all done. */
  const served = (...perSecond: number[]) =>
    perSecond.flatMap((rate, second) =>
      Array.from({ length: rate }, (_, i) => {
        const at = second * 1_000 + (i * 1_000) / rate;
        return operation(second * 1_000 + i, at, { status: 201, endedAt: at + 1 });
      }),
    );
  const times = (count: number, rate: number) => Array.from({ length: count }, () => rate);
  const shareOf = (history: History, from: number, to: number) => {
    const { goodput, peak } = judgeOverload(history, from, to);
    return goodput / peak;
  };

  it('is borne by a shop that does at the height what it did on the way', () => {
    expect(shareOf(served(...times(18, 100), ...times(30, 100)), 18_000, 48_000)).toBeCloseTo(1, 1);
  });

  it('shows who collapses when it comes', () => {
    expect(shareOf(served(...times(18, 100), ...times(30, 10)), 18_000, 48_000)).toBeCloseTo(0.1, 1);
  });

  it('shows who can do most at the height, and collapses after some seconds of it', () => {
    const history = served(...times(8, 50), ...times(15, 300), ...times(25, 60));
    const { peak, goodput } = judgeOverload(history, 8_000, 48_000);
    expect(peak).toBeCloseTo(300, -1);
    expect(goodput).toBeCloseTo(150, -1);
    // Held against what was seen before it would shine: 300 %.
    expect(collapse({ peak, goodput }, 40_000)).toEqual([
      'under overload 150 operations a second were served, and 300 at best: at least 80 % of that must be',
    ]);
    expect(collapse({ peak, goodput: 0.8 * peak }, 40_000)).toEqual([]);
    // Too short to tell.
    expect(collapse({ peak, goodput }, 12_000)).toEqual([]);
  });

  it('may last a minute, and says how long it did, for a campaign may cut it', () => {
    const loaded = { ...world, load: { perSecond: 5, burst: () => ({ stop: () => Promise.resolve() }) } };
    expect(faultSources.overload(loaded, chanceOf(1))).toMatchObject([{ lastsMs: 60_000 }]);
    expect(shownBy(served(...times(18, 50), ...times(12, 40)), 5, 18_000, 30_000)).toEqual([
      'for 12.0 s 40 of 50 operations a second were offered: 40 served, 0.0 refused with Retry-After; 0 in all got neither',
      'at most 50 a second were served in any 15 s: 80 % of it under overload',
    ]);
    expect(shownBy([], 5, 8_000, 20_000)).toEqual([]);
  });
});

describe('a poisoned message', () => {
  const flaw = (form: Poison) => {
    const message = { ...poisoned('payment.requested', form, 'poison-1'), offset: 0, timestamp: 0 };
    return flawOf('payment.requested', message);
  };

  it.each(poisons)('is one that nobody can handle, for the reason that it was made for: %s', (form) => {
    expect(flaw(form)).toMatch(reasons[form]);
    const others = poisons.filter((other) => other !== form && reasons[other].test(flaw(form) ?? ''));
    expect(others).toEqual([]);
  });

  it('is a little too large, not so large that no broker takes it', () => {
    expect(poisoned('payment.requested', 'too large', 'poison-1').value).toHaveLength(VALUE_BYTES_MAX + 1);
  });

  it('must be buried for every group, with the reason that is its own', () => {
    const letter = { id: 'p-1', form: 'no JSON', reason: 'the value is no JSON' } as const;
    const lost = { id: 'p-2', topic: 'order.created', form: 'no key', group: 'orders' } as const;
    expect(poisonViolations([letter], [])).toEqual([]);
    expect(poisonViolations([{ ...letter, reason: 'timeout' }], [lost])).toEqual([
      expect.stringMatching(/^p-2 \(no key in order\.created\) lay not among the dead letters of orders within/),
      expect.stringMatching(/^the dead letter p-1 \(no JSON\) has the reason "timeout"/),
    ]);
  });

  it('exists for every topic', () => {
    for (const topic of Object.keys(topics) as (keyof typeof topics)[])
      for (const form of ['no JSON', 'wrong schema', 'unknown version'] as const)
        expect(flawOf(topic, { ...poisoned(topic, form, 'p'), offset: 0, timestamp: 0 })).toMatch(reasons[form]);
  });
});

describe('a forged report', () => {
  const said = (kind: 'webhook-forged' | 'silent', answers: Record<string, number>) =>
    believed({ id: 'w', kind, isOver: true, seen: 9, done: 9, answers });

  it('is a violation when the shop believes it, and none of what may be believed', () => {
    expect(said('webhook-forged', { 400: 9 })).toEqual([]);
    expect(said('silent', { 204: 9 })).toEqual([]);
    expect(said('webhook-forged', { 204: 1, 400: 8 })).toEqual([
      expect.stringMatching(/^the shop believed reports .* 1 times 204, 8 times 400$/),
    ]);
  });
});

describe('a group', () => {
  it('is set back by so many records, not before the first one that is kept, and never forwards', () => {
    const at = (partition: number, offset: number) => ({ topic: 'order.created', partition, offset });
    const was = [at(0, 5_000), at(1, 300), at(2, 1_500), at(3, 0)];
    const firsts = [at(0, 0), at(1, 0), at(2, 1_200), at(3, 10)];
    expect(setBack(was, firsts)).toEqual([at(0, 4_000), at(1, 0), at(2, 1_200), at(3, 0)]);
  });
});

describe('a shifted clock', () => {
  it('is told by all that asks Date, and by nothing else', () => {
    const Before = globalThis.Date;
    const realNow = Before.now;
    let skewMs = 600_000;
    try {
      shiftDate(() => skewMs);
      const ahead = (ms: number) => Math.round((ms - realNow.call(Before)) / 1_000);
      expect([Date.now(), new Date().getTime()].map(ahead)).toEqual([600, 600]);
      // As text it has whole seconds.
      expect([599, 600]).toContain(ahead(Date.parse(Date())));
      expect(new Date(5).getTime()).toBe(5);
      expect(new Date()).toBeInstanceOf(Before);
      expect(Date.UTC(2026, 0)).toBe(Before.UTC(2026, 0));
      skewMs = -90_000;
      expect(ahead(Date.now())).toBe(-90);
    } finally {
      globalThis.Date = Before;
      Before.now = realNow;
    }
  });
});
