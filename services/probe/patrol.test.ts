// Rounds over inspectors that see, see something wrong, and cannot see; in virtual rests of no length.
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { type Pace, patrol, type Patrol } from './patrol.ts';
import type { Inspector, Look, Suspicion } from './suspicion.ts';

const PACE: Pace = { restMs: 0, share: 1, restMaxMs: 0, againMs: 0, blindMs: 0 };
const wrong: Suspicion = {
  invariant: 'I5',
  subject: 'main a',
  rule: 'bounds',
  sentence: 'a: 2 are reserved, 1 on hand',
  state: '',
  afterMs: 0,
};

let patrols: Patrol[] = [];
afterEach(async () => {
  await Promise.all(patrols.map((each) => each.stop()));
  patrols = [];
});

/** A patrol of one inspector, whose next looks a test chooses. */
function patrolOf(look: () => Look, open?: () => Promise<readonly Inspector[]>) {
  const told: string[] = [];
  let steps = 0;
  const inspector: Inspector = {
    name: 'stock',
    async step() {
      steps += 1;
      return look();
    },
    lastCycleMs: () => (steps > 1 ? 1_500 : undefined),
  };
  const running = patrol({
    open: open ?? (() => Promise.resolve([inspector])),
    pace: PACE,
    told: {
      raised: ({ sentence }) => told.push(`raised ${sentence}`),
      gone: ({ sentence }) => told.push(`gone ${sentence}`),
      blind: (name, reason) => told.push(`blind ${name}: ${reason}`),
      sees: (name) => told.push(`sees ${name}`),
      checked: () => {},
    },
  });
  patrols.push(running);
  const stepsMore = async (count: number) => {
    for (const until = steps + count; steps < until; ) await turn();
  };
  return { running, told, stepsMore };
}

const fine: Look = { subjects: ['main a'], suspicions: [], checked: { I5: 3 } };
const bad: Look = { ...fine, suspicions: [wrong] };

describe('a patrol', () => {
  it('tells a violation once, however often it is seen, and once when it is gone', async () => {
    let look = fine;
    const { running, told, stepsMore } = patrolOf(() => look);
    await stepsMore(2);
    look = bad;
    await stepsMore(5);
    expect(told).toEqual([`raised ${wrong.sentence}`]);
    expect(running.standing().get('I5')).toBe(1);
    expect(running.report().findings.find(({ invariant }) => invariant === 'I5')).toMatchObject({
      wrongCount: 1,
      wrong: [wrong.sentence],
    });
    look = fine;
    await stepsMore(2);
    expect(told).toEqual([`raised ${wrong.sentence}`, `gone ${wrong.sentence}`]);
    expect(running.standing().get('I5')).toBe(0);
  });

  it('says of what it never looked at that it did not', async () => {
    const { running, stepsMore } = patrolOf(() => fine);
    expect(running.report().findings.map(({ looked, partly }) => ({ looked, partly }))).toContainEqual({
      looked: 0,
      partly: 'nothing could be opened yet',
    });
    await stepsMore(3);
    const { findings, inspectors } = running.report();
    expect(findings.find(({ invariant }) => invariant === 'I3')?.looked).toBe(0);
    expect(findings.find(({ invariant }) => invariant === 'I5')?.looked).toBeGreaterThanOrEqual(6);
    expect(inspectors).toEqual([{ name: 'stock', lastCycleSeconds: 1.5 }]);
  });

  it('tells that it is blind once, and that it sees again; what stood stands meanwhile', async () => {
    let look = (): Look => bad;
    const { running, told, stepsMore } = patrolOf(() => look());
    await stepsMore(2);
    look = () => {
      throw new Error('the provider is away');
    };
    await stepsMore(4);
    expect(told).toEqual([`raised ${wrong.sentence}`, 'blind stock: the provider is away']);
    expect(running.report().findings[0]?.partly).toBe('all but stock, which cannot be looked at: the provider is away');
    expect(running.standing().get('I5')).toBe(1);
    look = () => bad;
    await stepsMore(3);
    expect(told).toEqual([`raised ${wrong.sentence}`, 'blind stock: the provider is away', 'sees stock']);
  });

  describe('on a machine whose clock jumps', () => {
    afterEach(() => void jest.restoreAllMocks());
    const jump = (byMs: number) => {
      const real = Date.now.bind(Date);
      jest.spyOn(Date, 'now').mockImplementation(() => real() + byMs);
    };
    const HOUR_MS = 3_600_000;

    it('suspects no shorter than it should when it is set forward', async () => {
      const patient = { ...bad, suspicions: [{ ...wrong, afterMs: HOUR_MS / 2 }] };
      const { running, told, stepsMore } = patrolOf(() => patient);
      await stepsMore(2);
      jump(HOUR_MS);
      await stepsMore(4);
      expect(told).toEqual([]);
      expect(running.report().suspected).toBe(1);
    });

    it('is not silenced when it is set back', async () => {
      const brief = { ...bad, suspicions: [{ ...wrong, afterMs: 5 }] };
      const { told, stepsMore } = patrolOf(() => brief);
      await stepsMore(1);
      jump(-HOUR_MS);
      const giveUpAt = performance.now() + 2_000;
      while (told.length === 0 && performance.now() < giveUpAt) await stepsMore(1);
      expect(told).toEqual([`raised ${wrong.sentence}`]);
    });
  });

  it('opens what it looks into as often as it takes', async () => {
    let attempts = 0;
    const { running, told } = patrolOf(
      () => fine,
      async () => {
        attempts += 1;
        throw new Error(`attempt ${attempts}`);
      },
    );
    while (attempts < 3) await turn();
    expect(told).toEqual(['blind the probe: attempt 1']);
    expect(running.report().findings[0]?.partly).toMatch(/^nothing could be opened yet: attempt \d+$/);
  });
});
