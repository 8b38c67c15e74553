// A process that dies by itself is a finding, however fast it is back.
import { expect, it } from '@jest/globals';
import { unexplained } from './deaths.ts';
import type { FaultRecord } from './faults/fault.ts';

const fault = (kind: FaultRecord['kind'], target: string): FaultRecord => ({
  kind,
  target,
  from: 10_000,
  to: 15_000,
  evidence: [],
});
const death = (name: string, at: number) => ({ name, at, reason: 'was ended by SIGKILL' });

it('is explained by the fault that ended it', () => {
  const faults = [fault('kill', 'orders-1'), fault('crash-point', 'payments-2 before the commit of payment.Charge')];
  expect(unexplained([death('orders-1', 10_500), death('payments-2', 16_000)], faults, 0)).toEqual([]);
  expect(unexplained([death('postgres', 12_000)], [fault('full-disk', 'the disk of postgres')], 0)).toEqual([]);
});

it.each([
  ['another one was ended', death('orders-2', 10_500), fault('kill', 'orders-1')],
  ['at another time', death('orders-1', 30_000), fault('kill', 'orders-1')],
  ['by a fault that ends nothing', death('orders-1', 11_000), fault('pause', 'orders-1')],
  ['by poison', death('analytics-1', 11_000), fault('poison', 'every topic that is consumed')],
])('is told when %s', (_, died, only) => {
  expect(unexplained([died], [only], 0)).toEqual([
    `${died.name} was ended by SIGKILL, ${died.at / 1_000 < 11 ? (died.at / 1_000).toFixed(0) : died.at / 1_000} s after the beginning, and no fault had ended it`,
  ]);
});
