import { describe, expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { add, counter, type Drawn, drawn, explains, type Input, perhaps, see } from './linearizable.testing.ts';
import { isLinearizable } from './linearizable.ts';
import type { Model, Spanned } from './linearizable-model.ts';

describe('a history is linearizable', () => {
  it.each<[string, readonly Spanned<Input>[]]>([
    ['when nothing happened', []],
    ['one thing after another', [add(5, 1, 2), see(5, 3, 4), add(-2, 5, 6), see(3, 7, 8)]],
    ['when a reader beside a writer sees before', [add(5, 1, 9), see(0, 2, 3)]],
    ['when a reader beside a writer sees after', [add(5, 1, 9), see(5, 2, 3)]],
    ['when two readers beside a writer see before, then after', [add(5, 1, 9), see(0, 2, 3), see(5, 4, 5)]],
    ['when pieces are taken that come at the same time', [add(-3, 1, 4), add(3, 2, 5)]],
    ['when the point is where one ends and another begins', [add(1, 1, 2), see(1, 2, 3)]],
    ['when what nobody knows of took effect', [add(5, 1, 2), perhaps(-2, 3), see(3, 9, 10)]],
    ['when what nobody knows of took none', [add(5, 1, 2), perhaps(-2, 3), see(5, 9, 10)]],
    ['when it took effect late', [add(5, 1, 2), perhaps(-2, 3), see(5, 9, 10), see(3, 11, 12)]],
    ['when pieces come back', [add(5, 1, 2), add(-5, 3, 4), perhaps(5, 3, { after: 1 }), see(0, 5, 6), see(5, 7, 8)]],
    [
      'when of two that are alike one took effect',
      [add(5, 1, 2), perhaps(-2, 3, { alike: '-2' }), perhaps(-2, 4, { alike: '-2' }), see(3, 5, 6), see(3, 7, 8)],
    ],
    [
      'when of two that are alike the one that began later had to come first',
      [add(5, 1, 2), add(-2, 3, 20, { alike: '-2' }), add(-2, 4, 6, { alike: '-2' }), see(3, 7, 8), see(1, 21, 22)],
    ],
  ])('%s', (_, operations) => {
    const verdict = isLinearizable(counter, operations);
    expect(verdict.linearizable).toBe(true);
    expect(explains(operations, (verdict as { order: readonly number[] }).order)).toBe(true);
  });
});

describe('a history is not linearizable', () => {
  it.each<[string, readonly Spanned<Input>[], object]>([
    [
      'when a reader does not see what was done before',
      [add(5, 1, 2), see(0, 3, 4)],
      { placed: 1, state: 5, stuck: 1 },
    ],
    ['when a reader sees what was done after', [see(5, 1, 2), add(5, 3, 4)], { placed: 0, stuck: 0 }],
    ['when readers beside a writer see after, then before', [add(5, 1, 9), see(5, 2, 3), see(0, 4, 5)], { stuck: 2 }],
    ['when more is taken than there is', [add(5, 1, 2), add(-3, 3, 6), add(-3, 4, 5)], { placed: 2, state: 2 }],
    ['when the same piece is taken twice', [add(1, 1, 2), add(-1, 3, 5), add(-1, 3, 5), see(0, 6, 7)], { placed: 2 }],
    ['when pieces vanish', [add(5, 1, 2), see(4, 3, 4)], { stuck: 1 }],
    [
      'when pieces are back before they were taken',
      [add(5, 1, 2), perhaps(2, 3, { after: 3 }), see(7, 4, 5), add(-2, 6, 7)],
      {},
    ],
    [
      'when what took effect once is undone',
      [add(5, 1, 2), perhaps(-2, 3), see(3, 4, 5), see(5, 6, 7)],
      { placed: 3, stuck: 3 },
    ],
    ['when of one that nobody knows of two took effect', [add(5, 1, 2), perhaps(-2, 3), see(1, 9, 10)], { stuck: 2 }],
  ])('%s', (_, operations, found) => {
    expect(isLinearizable(counter, operations)).toMatchObject({ linearizable: false, ...found });
  });
});

it('a register, whose writes do not commute, is searched through settled places too', () => {
  type Cell = { readonly write: number } | { readonly read: number };
  const register: Model<number, Cell> = {
    initial: 0,
    isCommutative: false,
    step: (value, input) => ('write' in input ? input.write : input.read === value ? value : undefined),
    keyOf: (value) => value,
  };
  const write = (value: number, from: number, to: number) => ({ input: { write: value }, from, to });
  const read = (value: number, from: number, to: number) => ({ input: { read: value }, from, to });
  // Which of two writes was the last is seen only after both have ended.
  const writes = [write(1, 1, 3), write(2, 1, 4)];
  expect(isLinearizable(register, [...writes, read(1, 5, 6)]).linearizable).toBe(true);
  expect(isLinearizable(register, [...writes, read(2, 5, 6)]).linearizable).toBe(true);
  expect(isLinearizable(register, [...writes, read(2, 5, 6), read(1, 7, 8)]).linearizable).toBe(false);
  expect(isLinearizable(register, [...writes, read(0, 5, 6)]).linearizable).toBe(false);
});

/** Processor time of this process, in milliseconds: what else the machine does is of no concern. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

describe('drawn histories', () => {
  const sizes: readonly Drawn[] = [
    { count: 30, beside: 3, unknown: 0 },
    { count: 60, beside: 6, unknown: 5 },
    { count: 200, beside: 4, unknown: 3 },
  ];

  it.each(sizes)('of a true counter pass: %j', (size) => {
    for (let seed = 1; seed <= 40; seed++) {
      const operations = drawn(chanceOf(seed), size);
      const verdict = isLinearizable(counter, operations);
      if (verdict.linearizable !== true) throw new Error(`seed ${seed}: ${JSON.stringify(verdict)}`);
      if (!explains(operations, verdict.order)) throw new Error(`seed ${seed}: the order explains nothing`);
    }
  });

  it.each(sizes)('with an impossible answer do not: %j', (size) => {
    for (let seed = 1; seed <= 20; seed++) {
      const chance = chanceOf(seed);
      const operations = drawn(chance, size);
      const reads = operations.flatMap(({ input }, i) => ('see' in input ? [i] : []));
      const changed = chance.pick(reads);
      const { input, ...span } = operations[changed] as Spanned<{ readonly see: number }>;
      // More than there can ever have been.
      operations[changed] = { input: { see: input.see + 10_000 }, ...span };
      expect([seed, isLinearizable(counter, operations).linearizable]).toEqual([seed, false]);
    }
  });

  it('whose reader was told one piece too many do not, unless another order explains it', () => {
    let refused = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const chance = chanceOf(seed);
      const operations = drawn(chance, { count: 30, beside: 1, unknown: 0 });
      const reads = operations.flatMap(({ input }, i) => ('see' in input ? [i] : []));
      const changed = chance.pick(reads);
      const { input, ...span } = operations[changed] as Spanned<{ readonly see: number }>;
      operations[changed] = { input: { see: input.see + 1 }, ...span };
      const verdict = isLinearizable(counter, operations);
      if (verdict.linearizable === false) refused += 1;
      else expect(explains(operations, (verdict as { order: readonly number[] }).order)).toBe(true);
    }
    expect(refused).toBeGreaterThan(100);
  });

  it.each<Drawn>([
    { count: 5_000, beside: 4, unknown: 0 },
    { count: 5_000, beside: 4, unknown: 1 },
  ])('take seconds: %j', (size) => {
    const startedAt = cpuMs();
    const operations = drawn(chanceOf(7), size);
    const verdict = isLinearizable(counter, operations);
    expect(verdict.linearizable).toBe(true);
    expect(explains(operations, (verdict as { order: readonly number[] }).order)).toBe(true);
    expect(cpuMs() - startedAt).toBeLessThan(5_000);
  });

  it('of 5,000 operations with one impossible answer are refused within seconds', () => {
    const startedAt = cpuMs();
    const operations = drawn(chanceOf(7), { count: 5_000, beside: 4, unknown: 0 });
    const at = operations.findIndex(({ input }, i) => i > 4_000 && 'see' in input);
    operations[at] = { ...(operations[at] as Spanned<Input>), input: { see: 10_000 } };
    expect(isLinearizable(counter, operations)).toMatchObject({ linearizable: false, stuck: at });
    expect(cpuMs() - startedAt).toBeLessThan(5_000);
  });

  it('that are not decided within the bound say so', () => {
    const operations = drawn(chanceOf(7), { count: 200, beside: 6, unknown: 5 });
    expect(isLinearizable(counter, operations, 20)).toEqual({ linearizable: undefined, tried: 20 });
  });
});
