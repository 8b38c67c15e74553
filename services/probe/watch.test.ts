import { describe, expect, it } from '@jest/globals';
import type { Look, Suspicion } from './suspicion.ts';
import { createWatch } from './watch.ts';

const suspicion = (more: Partial<Suspicion> = {}): Suspicion => ({
  invariant: 'I7',
  subject: 'pay_1',
  rule: 'held',
  sentence: 'order 1 is CANCELLED: 0.00 GBP are owed, the provider holds 5.00 GBP',
  state: 'v3',
  afterMs: 1_000,
  ...more,
});
const look = (...suspicions: Suspicion[]): Look => ({
  subjects: ['pay_1', ...suspicions.map(({ subject }) => subject)],
  suspicions,
  checked: {},
});
const none = { raised: [], gone: [] };

describe('a suspicion', () => {
  it('counts once it has lasted its time, and is told once', () => {
    const watch = createWatch({ againMs: 2_000 });
    const seen = suspicion();
    expect(watch.take(look(seen), 0)).toEqual(none);
    expect(watch.take(look(seen), 999)).toEqual(none);
    expect([watch.standing(), watch.suspected()]).toEqual([[], 1]);
    expect(watch.take(look(seen), 1_000)).toEqual({ raised: [seen], gone: [] });
    expect(watch.take(look(seen), 5_000)).toEqual(none);
    expect([watch.standing(), watch.suspected()]).toEqual([[seen], 0]);
  });

  it('is forgotten without a word when it was only motion', () => {
    const watch = createWatch({ againMs: 2_000 });
    watch.take(look(suspicion()), 0);
    expect(watch.take(look(), 500)).toEqual(none);
    expect(watch.take(look(suspicion()), 1_200)).toEqual(none);
    expect(watch.suspected()).toBe(1);
  });

  it('begins anew when something else was committed', () => {
    const watch = createWatch({ againMs: 2_000 });
    watch.take(look(suspicion()), 0);
    expect(watch.take(look(suspicion({ state: 'v4' })), 900)).toEqual(none);
    expect(watch.take(look(suspicion({ state: 'v4' })), 1_899)).toEqual(none);
    expect(watch.take(look(suspicion({ state: 'v4' })), 1_900).raised).toHaveLength(1);
  });

  it('of one snapshot counts at once', () => {
    const seen = suspicion({ invariant: 'I5', afterMs: 0 });
    expect(createWatch({ againMs: 2_000 }).take(look(seen), 0).raised).toEqual([seen]);
  });

  it('is not cleared by a look at something else', () => {
    const watch = createWatch({ againMs: 2_000 });
    const seen = suspicion({ subject: 'pay_2', afterMs: 0 });
    watch.take(look(seen), 0);
    expect(watch.take({ subjects: ['pay_1'], suspicions: [], checked: {} }, 10)).toEqual(none);
    expect(watch.standing()).toEqual([seen]);
  });
});

describe('a violation', () => {
  it('stays one while more is committed, and is told again only after it was gone', () => {
    const watch = createWatch({ againMs: 2_000 });
    const seen = suspicion({ afterMs: 0 });
    expect(watch.take(look(seen), 0).raised).toHaveLength(1);
    expect(watch.take(look({ ...seen, state: 'v9' }), 10)).toEqual(none);
    expect(watch.take(look(), 20).gone).toEqual([{ ...seen, state: 'v9' }]);
    expect(watch.take(look(), 30)).toEqual(none);
    expect(watch.take(look(seen), 40).raised).toHaveLength(1);
  });

  it('is told apart from others of the same subject', () => {
    const watch = createWatch({ againMs: 2_000 });
    const [held, over] = [suspicion({ afterMs: 0 }), suspicion({ rule: 'over', afterMs: 0 })];
    expect(watch.take(look(held, over), 0).raised).toEqual([held, over]);
    expect(watch.take(look(over), 10).gone).toEqual([held]);
  });
});

describe('looking again', () => {
  it('is due after the time of the suspicion, then at intervals, the longest due first', () => {
    const watch = createWatch({ againMs: 2_000 });
    watch.take(look(suspicion()), 0);
    watch.take({ ...look(suspicion({ subject: 'pay_2', afterMs: 500 })), subjects: ['pay_2'] }, 0);
    expect(watch.due(499, 10)).toEqual([]);
    expect(watch.due(1_000, 10)).toEqual(['pay_2', 'pay_1']);
    expect(watch.due(1_000, 1)).toEqual(['pay_2']);
    watch.take(look(suspicion()), 1_000);
    expect(watch.due(2_999, 10)).toEqual(['pay_2']);
    expect(watch.due(3_000, 10)).toEqual(['pay_2', 'pay_1']);
  });
});

it('suspicions beyond its room are counted, not kept', () => {
  const watch = createWatch({ againMs: 2_000, suspicionsMax: 2 });
  const many = ['a', 'b', 'c'].map((subject) => suspicion({ subject, afterMs: 0 }));
  expect(watch.take(look(...many), 0).raised).toHaveLength(2);
  expect([watch.standing().length, watch.dropped()]).toEqual([2, 1]);
});
