// A probe that saw nothing is no witness: its word counts once it has looked at everything since it was first asked.

import { describe, expect, it } from '@jest/globals';
import type { PatrolReport } from '../../../services/probe/patrol.ts';
import { invariants } from '../../../services/probe/suspicion.ts';
import { decided, verdictOf } from './probe.ts';

const NAMES = ['money', 'stock', 'outboxes'];
type Post = PatrolReport['inspectors'][number];

interface Seen {
  readonly looked?: number;
  readonly only?: Readonly<Record<string, number>>;
  readonly wrong?: Readonly<Record<string, readonly string[]>>;
  readonly suspected?: number;
  readonly since?: number;
  readonly inspectors?: readonly Post[];
}

function report({ looked = 10, only = {}, wrong = {}, suspected = 0, since = 1, ...more }: Seen = {}): PatrolReport {
  const { inspectors = NAMES.map((name) => ({ name })) } = more;
  return {
    since,
    suspected,
    inspectors,
    findings: invariants.map((invariant) => ({
      invariant,
      claim: `the claim of ${invariant}`,
      looked: only[invariant] ?? looked,
      of: 'looks at live data',
      wrongCount: wrong[invariant]?.length ?? 0,
      wrong: wrong[invariant] ?? [],
    })),
  };
}

const blind = (name: string): readonly Post[] =>
  NAMES.map((each) => (each === name ? { name: each, blind: 'the provider does not answer' } : { name: each }));
const first = report();
const unseenOf = (now: PatrolReport, then = first) =>
  Object.fromEntries([...verdictOf(then, now).unseen].map(([invariant, why]) => [invariant, why.join('; ')]));

describe('the verdict on what the probe says', () => {
  it('is final when it has looked at everything again, sees, and suspects nothing', () => {
    const { unseen, suspected, standing } = verdictOf(first, report({ looked: 11 }));
    expect([unseen.size, suspected, standing]).toEqual([0, 0, 0]);
  });

  it('is none of a report that is as old as the first', () => {
    expect(Object.keys(unseenOf(first))).toEqual(invariants);
    expect(unseenOf(first)['I3']).toBe('it has looked at nothing more since the run');
  });

  it('is none of what it did not look at again, or never', () => {
    expect(unseenOf(report({ looked: 11, only: { I7: 10 } }))).toEqual({
      I7: 'it has looked at nothing more since the run',
    });
    const never = report({ only: { I8: 0 } });
    expect(unseenOf(report({ looked: 11, only: { I8: 0 } }), never)).toEqual({ I8: 'it has never looked at it' });
  });

  it.each([
    ['money', ['I3', 'I4', 'I7', 'I8']],
    ['stock', ['I5', 'I6']],
    ['outboxes', ['I8']],
  ])('is none of what %s would look at while it sees nothing', (name, concerned) => {
    const why = `it cannot look at ${name}: the provider does not answer`;
    expect(unseenOf(report({ looked: 11, inspectors: blind(name) }))).toEqual(
      Object.fromEntries(concerned.map((invariant) => [invariant, why])),
    );
  });

  it('is none of anything while an inspector that nobody knows sees nothing', () => {
    const inspectors = [...NAMES.map((name) => ({ name })), { name: 'mails', blind: 'gone' }];
    expect(Object.keys(unseenOf(report({ looked: 11, inspectors })))).toEqual(invariants);
  });

  it('is none while it has opened nothing', () => {
    expect(unseenOf(report({ looked: 0, inspectors: [] }), report({ looked: 0, inspectors: [] }))['I5']).toBe(
      'it has never looked at it; it has opened nothing yet',
    );
  });

  it('counts from nothing for a probe that has been started again meanwhile', () => {
    expect(unseenOf(report({ since: 2, looked: 3 }))).toEqual({});
    expect(unseenOf(report({ since: 2, looked: 3, only: { I4: 0 } }))).toEqual({ I4: 'it has never looked at it' });
  });

  it('says how much looks wrong, and how much is', () => {
    const now = report({ looked: 11, suspected: 2, wrong: { I3: ['twice'], I8: ['late', 'lost'] } });
    expect(verdictOf(first, now)).toMatchObject({ suspected: 2, standing: 3 });
  });
});

describe('whoever asks the probe', () => {
  const limits = { withinMs: 60, decideMs: 120, pollMs: 5 };
  /** Answers one report after the other, the last again and again. */
  function asking(...reports: readonly (PatrolReport | Error)[]) {
    let asked = 0;
    return {
      asked: () => asked,
      ask: async () => {
        const answer = reports[Math.min(asked++, reports.length - 1)] as PatrolReport | Error;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    };
  }

  it('waits until it has looked again, and no longer', async () => {
    const { ask, asked } = asking(first, first, report({ looked: 11, suspected: 1 }), report({ looked: 12 }));
    const findings = await decided(ask, limits);
    expect(asked()).toBe(4);
    expect(findings.map(({ invariant, claim, looked, wrongCount }) => [invariant, claim, looked, wrongCount])).toEqual(
      invariants.map((invariant) => [invariant, `as the online probe sees it: the claim of ${invariant}`, 12, 0]),
    );
  });

  it('waits for what is wrong to be put right, and tells it if it stands', async () => {
    const wrong = { I3: ['order o was captured twice'] };
    const mended = await decided(asking(first, report({ looked: 11, wrong }), report({ looked: 12 })).ask, limits);
    expect(mended.every(({ wrongCount }) => wrongCount === 0)).toBe(true);
    const stays = await decided(asking(first, report({ looked: 11, wrong })).ask, limits);
    expect(stays.flatMap((finding) => finding.wrong)).toEqual(['order o was captured twice']);
  });

  it('takes a probe that cannot see for a failure, and says of what and why', async () => {
    const findings = await decided(asking(first, report({ looked: 11, inspectors: blind('stock') })).ask, limits);
    const why = 'the online probe could not see it: it cannot look at stock: the provider does not answer';
    expect(findings.filter(({ wrongCount }) => wrongCount > 0)).toMatchObject([
      { invariant: 'I5', wrongCount: 1, wrong: [why] },
      { invariant: 'I6', wrongCount: 1, wrong: [why] },
    ]);
    const never = await decided(asking(report({ looked: 0 })).ask, limits);
    expect(never.map(({ looked, wrongCount }) => [looked, wrongCount])).toEqual(invariants.map(() => [0, 1]));
  });

  it('gives what is suspected longer to be decided, and takes what is not for a failure', async () => {
    const doubt = report({ looked: 11, suspected: 2 });
    const began = performance.now();
    const findings = await decided(asking(first, doubt).ask, limits);
    expect(performance.now() - began).toBeGreaterThanOrEqual(limits.decideMs);
    expect(findings.map(({ wrong }) => wrong)).toEqual(
      invariants.map(() => ['the online probe suspects 2 things and has not decided on them']),
    );
  });

  it('asks again while there is no answer, and passes on why there was none', async () => {
    const away = new Error('the probe is away');
    expect(await decided(asking(away, first, away, report({ looked: 11 })).ask, limits)).toHaveLength(6);
    await expect(decided(asking(away).ask, limits)).rejects.toBe(away);
    await expect(decided(asking(first, away).ask, limits)).rejects.toBe(away);
  });
});
