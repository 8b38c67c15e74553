// Goal: whatever the network, the nodes, the provider and the people do, every order ends paid and kept, or undone with
// nothing left of it, and no piece and no penny is lost or made up.
// Method: run the real actors under a seeded scheduler that delays, repeats and reorders until nothing waits, then check
// the invariants against the histories and the provider's own ledger. `SEED=<n> RUNS=1` replays a run exactly.
import { describe, expect, it } from '@jest/globals';
import { type Report, simulate } from './checkout.simulation.ts';
import { orderActor, transitions } from './order.ts';
import { paymentActor, paymentTransitions } from './payment.ts';
import { reservationTransitions, type Stock, stockActor } from './stock.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 10_000);
const BLOCK = 1_000;
/** With so many runs, everything that can happen has happened. */
const RUNS_ENOUGH = 1_000;

const rules = { order: orderActor, stock: stockActor, payment: paymentActor };
const reports: Report[] = [];

describe(`${RUNS} checkouts from seed ${SEED}`, () => {
  const blocks = Array.from({ length: Math.ceil(RUNS / BLOCK) }, (_, i) => SEED + i * BLOCK);

  it.each(blocks)('conserve stock and money (from seed %i)', (first) => {
    for (let seed = first; seed < Math.min(first + BLOCK, SEED + RUNS); seed++) reports.push(simulate(seed, rules));
  });

  it('met every fault, every ending and every event', () => {
    const sum = (of: (report: Report) => Readonly<Record<string, number>>) => {
      const sums: Record<string, number> = {};
      for (const report of reports) {
        for (const [key, count] of Object.entries(of(report))) sums[key] = (sums[key] ?? 0) + count;
      }
      return sums;
    };
    const [faults, orders, events] = [
      sum((report) => report.faults),
      sum((report) => report.orders),
      sum((report) => report.events),
    ];
    expect(reports).toHaveLength(RUNS);
    if (RUNS < RUNS_ENOUGH) return;
    expect(Object.entries(faults).filter(([, count]) => count < RUNS / 10)).toEqual([]);
    const { NEW, AWAITING_STOCK, AWAITING_PAYMENT, ...endings } = transitions;
    expect(Object.keys(orders).sort()).toEqual(Object.keys(endings).sort());
    const tables = [NEW, AWAITING_STOCK, AWAITING_PAYMENT, ...Object.values(endings)];
    const rest = [...Object.values(paymentTransitions), ...Object.values(reservationTransitions)];
    const possible = new Set([...tables, ...rest].flatMap((table) => Object.keys(table)));
    expect([...possible].filter((type) => (events[type] ?? 0) < RUNS / 100)).toEqual([]);
  });
});

it('is the same run for the same seed', () => {
  const told = (): string[] => {
    const lines: string[] = [];
    simulate(SEED, rules, { trace: (line) => void lines.push(line()) });
    return lines;
  };
  expect(told()).toEqual(told());
  expect(told().length).toBeGreaterThan(10);
});

it('names the seed of a run that fails', () => {
  const broken = { ...rules, stock: { ...stockActor, evolve: (stock: Stock) => stock } };
  expect(() => simulate(SEED, broken)).toThrow(`SEED=${SEED} RUNS=1`);
});
