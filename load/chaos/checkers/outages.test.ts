import { expect, it } from '@jest/globals';
import type { FaultRecord } from '../faults/fault.ts';
import { dueBy, isTroubled, lastHealed } from './outages.ts';

const fault = (from: number, to: number): FaultRecord => ({ kind: 'kill', target: 'orders-1', from, to, evidence: [] });

it('what is due has its grace from then on, or from the end of each fault that comes between', () => {
  expect(dueBy([], 100, 30)).toBe(130);
  expect(dueBy([fault(0, 99)], 100, 30)).toBe(130);
  expect(dueBy([fault(90, 120)], 100, 30)).toBe(150);
  expect(dueBy([fault(151, 160)], 100, 30)).toBe(130);
  expect(dueBy([fault(140, 160), fault(110, 115)], 100, 30)).toBe(190);
});

it('trouble lasts as long as a fault, and a while', () => {
  expect([99, 100, 230, 231].map((at) => isTroubled([fault(100, 200)], at, 30))).toEqual([false, true, true, false]);
  expect(lastHealed([fault(1, 200), fault(50, 60)], 10)).toBe(200);
  expect(lastHealed([], 10)).toBe(10);
});
