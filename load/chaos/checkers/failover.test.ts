import { describe, expect, it } from '@jest/globals';
import type { FaultRecord } from '../faults/fault.ts';
import type { Ending, Json } from '../history/operation.ts';
import type { Evidence } from './checker.ts';
import { storyOf, wrongs } from './evidence.testing.ts';
import { checkFailover } from './failover.ts';

const nodes = ['orders-1', 'orders-2', 'api-1', 'api-2', 'analytics-1'];

interface Call {
  /** Milliseconds after the kill. */
  readonly at: number;
  readonly method?: string;
  readonly key?: string;
  readonly ending?: Partial<Ending>;
}

const broken: Partial<Ending> = { outcome: 'unknown', error: 'ECONNRESET' };
const away: Partial<Ending> = { outcome: 'unknown', status: 503 };

/** Calls around a kill that lasts from 0 to 5,000 ms. Without an ending they are answered 200 after 10 ms. */
function killed(target: string, calls: readonly Call[], more: Partial<Evidence> = {}): Evidence {
  const { from, ...story } = storyOf().evidence();
  const kill: FaultRecord = { kind: 'kill', target, from: from + 10_000, to: from + 15_000, evidence: [] };
  const history = calls.map(
    ({ at, method = 'POST', key, ending = { outcome: 'ok', status: 200 } }, id): Json => ({
      id,
      at: kill.from + at,
      process: 'one',
      kind: 'place-order',
      principal: 'ada',
      intent: `${id}`,
      method,
      path: '/api/v1/orders',
      ...(key === undefined ? {} : { key }),
      ending: { endedAt: kill.from + at + 10, ...ending },
    }),
  );
  return { ...story, from, history, faults: [kill], nodes, ...more };
}

const found = (evidence: Evidence) => wrongs(checkFailover(evidence));
const looked = (evidence: Evidence) => checkFailover(evidence).map((finding) => finding.looked);

describe('L5, when one of several nodes is killed', () => {
  it('holds if every keyed and idempotent call is answered', () => {
    const sound = killed('orders-2', [
      { at: 1, key: 'k' },
      { at: 2, method: 'GET' },
      { at: 3, ending: away },
      { at: 2_500 },
      { at: -60_000, ending: away },
      { at: 3, key: 'k2', ending: { outcome: 'fail', status: 409 } },
      { at: 60_000, key: 'k3', ending: away },
    ]);
    expect(found(sound)).toEqual([]);
    expect(looked(sound)).toEqual([3, 1, 0]);
  });

  it.each<[string, Call, string]>([
    [
      'a keyed call that was answered 503',
      { at: 5, key: 'k', ending: away },
      'orders-2 was killed: POST /api/v1/orders answered 503',
    ],
    ['a keyed call that broke off', { at: 5, key: 'k', ending: broken }, 'POST /api/v1/orders broke off (ECONNRESET)'],
    [
      'an idempotent call that failed',
      { at: 5, method: 'GET', ending: { ...away, status: 500 } },
      'GET /api/v1/orders answered 500',
    ],
    ['a call under way at the kill', { at: -5, method: 'DELETE', ending: away }, 'DELETE /api/v1/orders answered 503'],
    ['any call that failed later', { at: 2_001, ending: away }, 'orders-2 was killed 2001 ms before'],
  ])('sees %s', (_, call, sentence) => {
    expect(found(killed('orders-2', [call])).join('\n')).toContain(sentence);
  });

  it('bears what breaks under the next fault, which has come before it was answered', () => {
    const evidence = killed('orders-2', [
      { at: 6_500, key: 'k', ending: { ...broken, endedAt: 0 } },
      { at: 3, key: 'k2' },
    ]);
    const [kill] = evidence.faults as [FaultRecord];
    const next: FaultRecord = { ...kill, kind: 'kafka', target: 'kafka', from: kill.to + 1_800, to: kill.to + 9_000 };
    const history = evidence.history.map((operation) =>
      operation.key === 'k' ? { ...operation, ending: { ...broken, endedAt: next.from + 200 } as Ending } : operation,
    );
    const both = { ...evidence, history, faults: [kill, next] };
    expect(found(both)).toEqual([]);
    expect(looked(both)).toEqual([1, 0, 0]);
    expect(checkFailover(both)[0]?.partly).toBe('all but 1 calls, which may have felt another fault');
  });

  const before = (evidence: Evidence, ms: { readonly from: number; readonly to: number }): FaultRecord => {
    const [kill] = evidence.faults as [FaultRecord];
    return { ...kill, kind: 'nats', target: 'nats', from: kill.from + ms.from, to: kill.from + ms.to };
  };
  const underWay = () =>
    killed('orders-2', [
      { at: -8_000, key: 'k', ending: { ...away, endedAt: 0 } },
      { at: 3, key: 'k2' },
    ]);
  const endsAfterTheKill = (evidence: Evidence): Evidence => ({
    ...evidence,
    history: evidence.history.map((operation) =>
      operation.key === 'k'
        ? { ...operation, ending: { ...away, endedAt: (evidence.faults[0] as FaultRecord).from + 100 } as Ending }
        : operation,
    ),
  });

  it.each([
    ['was on when the call began', { from: -9_000, to: -4_000 }],
    ['came while it was under way', { from: -7_000, to: -4_000 }],
    ['had ended less than a call may take before it began', { from: -30_000, to: -22_000 }],
  ])('bears what was under way at the kill and may suffer from a fault before: it %s', (_, ms) => {
    const evidence = endsAfterTheKill(underWay());
    const both = { ...evidence, faults: [...evidence.faults, before(evidence, ms)] };
    expect(found(both)).toEqual([]);
    expect(looked(both)).toEqual([1, 0, 0]);
  });

  it('bears what began after the kill and so soon after a fault before that it may still be felt', () => {
    const evidence = killed('orders-2', [
      { at: 900, key: 'k', ending: away },
      { at: 1_100, key: 'k2' },
    ]);
    const both = { ...evidence, faults: [...evidence.faults, before(evidence, { from: -9_000, to: -2_000 })] };
    expect(found(both)).toEqual([]);
    expect(looked(both)).toEqual([1, 0, 0]);
  });

  it('sees what was under way at the kill, if no fault came before that it could be waiting for', () => {
    const evidence = endsAfterTheKill(underWay());
    const both = { ...evidence, faults: [...evidence.faults, before(evidence, { from: -40_000, to: -24_000 })] };
    expect(found(both)).toHaveLength(1);
    expect(looked(both)).toEqual([2, 0, 0]);
  });

  it('bears what ended before, and what the end of the run broke off', () => {
    const evidence = killed('orders-2', [{ at: -20, key: 'k', ending: away }]);
    const { ending: _, ...open } = evidence.history[0] as Json;
    expect(found({ ...evidence, history: [open] })).toEqual([]);
    expect(found(evidence)).toEqual([]);
  });
});

describe('L5, when a gateway is killed', () => {
  it('holds if what broke off is answered under its key', () => {
    const sound = killed('api-1', [
      { at: 1, key: 'k', ending: broken },
      { at: 30, key: 'k', ending: broken },
      { at: 60, key: 'k' },
      { at: 1, ending: broken },
      { at: 1, key: 'given up', ending: broken },
    ]);
    expect(found(sound)).toEqual([]);
    expect(looked(sound)).toEqual([0, 0, 2]);
  });

  it('sees what is not answered when it is asked again', () => {
    const lost = killed('api-1', [
      { at: 1, key: 'k', ending: broken },
      { at: 30, key: 'k', ending: away },
    ]);
    expect(found(lost)).toEqual([
      'L5: POST /api/v1/orders broke off (ECONNRESET) broke off with api-1, and no later attempt was answered',
    ]);
  });

  it.each<[string, Partial<Ending>]>([
    ['429', { outcome: 'fail', status: 429 }],
    [
      '409, for the first attempt still runs',
      { outcome: 'fail', status: 409, answer: { code: 'request-in-progress' } },
    ],
  ])('takes no answer that only puts off for one: %s', (_, ending) => {
    const calls: Call[] = [
      { at: 1, key: 'k', ending: broken },
      { at: 30, key: 'k', ending },
    ];
    expect(found(killed('api-1', calls))).toHaveLength(1);
    expect(found(killed('api-1', [...calls, { at: 60, key: 'k', ending: { outcome: 'fail', status: 409 } }]))).toEqual(
      [],
    );
  });
});

describe('L5 looks at nothing', () => {
  const call: Call = { at: 5, key: 'k', ending: away };

  it('if the only node of a service was killed, or a server, or none', () => {
    for (const target of ['analytics-1', 'provider', 'kafka-1']) {
      expect(checkFailover(killed(target, [call]))).toMatchObject([
        { looked: 0, wrongCount: 0, partly: expect.stringContaining('nothing') },
        { looked: 0, wrongCount: 0 },
        { looked: 0, wrongCount: 0 },
      ]);
    }
  });

  it('if another fault lay beside the kill, or nobody said which nodes there are', () => {
    const { faults, ...evidence } = killed('orders-1', [call]);
    const [kill] = faults as [FaultRecord];
    const other: FaultRecord = { ...kill, kind: 'latency', from: kill.from - 3_000, to: kill.from - 500 };
    const [both] = checkFailover({ ...evidence, faults: [kill, other] });
    expect(both).toMatchObject({ looked: 0, partly: '0 of 1 kills; others had a fault beside them' });
    const [unnamed] = checkFailover({ ...evidence, faults, nodes: [] });
    expect(unnamed).toMatchObject({ looked: 0, partly: expect.stringContaining('which nodes there are') });
  });
});
