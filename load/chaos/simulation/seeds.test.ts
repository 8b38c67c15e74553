import { describe, expect, it } from '@jest/globals';
import type { Rules } from '../../../actors/checkout.simulation.ts';
import { orderActor } from '../../../actors/order.ts';
import { paymentActor } from '../../../actors/payment.ts';
import { stockActor } from '../../../actors/stock.ts';
import { simulateSeeds } from './seeds.ts';

const rules: Rules = { order: orderActor, stock: stockActor, payment: paymentActor };
/** An undo that overtakes its action leaves no tombstone. */
const broken: Rules = {
  ...rules,
  stock: {
    ...stockActor,
    decide(stock, command) {
      const isTombstone = command.type === 'Release' && stock[`reservation:${command.data.orderId}`] === undefined;
      return isTombstone ? [] : stockActor.decide(stock, command);
    },
  },
};

function run(words: string, by: Rules = rules) {
  const said: string[] = [];
  const complaints: string[] = [];
  const args = words.split(' ').map((word) => (word === "''" ? '' : word));
  const status = simulateSeeds(args, by, {
    say: (line) => said.push(...line.split('\n')),
    complain: (line) => complaints.push(line),
  });
  return { status, said, complaints };
}

describe('npm run simulate', () => {
  it('says in a line what was shown', () => {
    const { status, said } = run('--seeds 20 --seed 1');
    expect(status).toBe(0);
    expect(said).toEqual([expect.stringMatching(/^simulate: 20 seeds from 1 in .* orders .* commits, .* faults;/)]);
  });

  it('tells the shortest story of a seed that fails, and how to hear it again', () => {
    const { status, said } = run('--seeds 20 --seed 1', broken);
    expect(status).toBe(1);
    const [orders, steps] = [/shrunk from (\d+) orders, \d+ faults, \d+ steps to 1 orders, \d+ faults, (\d+) steps/]
      .flatMap((pattern) => said.flatMap((line) => pattern.exec(line)?.slice(1) ?? []))
      .map(Number);
    expect(orders).toBeGreaterThan(1);
    expect(steps).toBeLessThan(12);
    const again = run(said.at(-1)!.replace('npm run simulate -- ', ''), broken);
    expect(again.status).toBe(1);
    expect(again.said.slice(0, -1)).toEqual(said.slice(0, steps));
    expect(again.said.at(-1)).toMatch(/^simulate: FAILED: /);
    expect(run(said.at(-1)!.replace('npm run simulate -- ', '')).status).toBe(0);
  });

  it('does not pass when nothing was run', () => {
    expect(run('--seeds 0').status).toBe(1);
  });

  it.each([
    ['--seeds many', '--seeds takes a whole number from 0 to'],
    ['--seed 4294967296', '--seed takes a whole number from 0 to 4,294,967,295'],
    ['--keep 3', 'place:number, not "3"'],
    ['--sedes 1', "Unknown option '--sedes'"],
  ])('does not understand %s', (words, sentence) => {
    const { status, complaints } = run(words);
    expect(status).toBe(2);
    expect(complaints).toEqual([expect.stringContaining(sentence)]);
  });
});
