// All checkers. Each claims one invariant or a few; together they claim all of them.

import { examine, type Finding } from '../../../mixins/finding.ts';
import type { Checker, Evidence } from './checker.ts';
import { checkCarts } from './carts.ts';
import { checkEffects } from './effects.ts';
import { checkFailover } from './failover.ts';
import { checkKeys } from './keys.ts';
import { checkLate } from './late.ts';
import { checkLiveness } from './liveness.ts';
import { checkMoney } from './money.ts';
import { checkOrders } from './orders.ts';
import { checkOutbox } from './outbox.ts';
import { checkOwnWrites } from './own-writes.ts';
import { checkPaths } from './paths.ts';
import { checkPrivacy } from './privacy.ts';
import { checkStandstill } from './standstill.ts';
import { checkLinearizable } from './stock-linearizable.ts';
import { checkStock } from './stock.ts';
import { checkWindows } from './windows.ts';

/** Every invariant by its number. */
export const invariants: readonly string[] = [
  ...Array.from({ length: 15 }, (_, i) => `I${i + 1}`),
  ...Array.from({ length: 6 }, (_, i) => `L${i + 1}`),
];

/** A checker, and the invariants it has findings of. */
export interface NamedChecker {
  readonly claims: readonly string[];
  readonly check: Checker;
}

/** By what they look at. */
export const checkers: Readonly<Record<string, NamedChecker>> = {
  orders: { claims: ['I1', 'I2'], check: checkOrders },
  money: { claims: ['I3', 'I4', 'I7'], check: checkMoney },
  stock: { claims: ['I5', 'I6'], check: checkStock },
  'linearizable stock': { claims: ['I5'], check: checkLinearizable },
  outbox: { claims: ['I8'], check: checkOutbox },
  effects: { claims: ['I9'], check: checkEffects },
  'earlier runs': { claims: ['I3', 'I9'], check: checkLate },
  keys: { claims: ['I10'], check: checkKeys },
  paths: { claims: ['I11'], check: checkPaths },
  'own writes': { claims: ['I12'], check: checkOwnWrites },
  carts: { claims: ['I12', 'I13'], check: checkCarts },
  windows: { claims: ['I14'], check: checkWindows },
  privacy: { claims: ['I15'], check: checkPrivacy },
  liveness: { claims: ['L1', 'L2', 'L3', 'L4', 'L6'], check: checkLiveness },
  standstill: { claims: ['L1'], check: checkStandstill },
  failover: { claims: ['L5'], check: checkFailover },
};

/** What all checkers found, in the order of the invariants. One that throws takes no other's findings with it. */
export function checkAll(evidence: Evidence, all: typeof checkers = checkers): readonly Finding[] {
  const place = ({ invariant }: Finding) => invariants.indexOf(invariant);
  return Object.entries(all)
    .flatMap(([name, checker]) => checkBy(name, checker, evidence))
    .toSorted((a, b) => place(a) - place(b));
}

function checkBy(name: string, { claims, check }: NamedChecker, evidence: Evidence): readonly Finding[] {
  try {
    return check(evidence);
  } catch (error) {
    // By what it claims nothing was judged, which is as bad as something wrong.
    return claims.map((invariant) => {
      const unjudged = examine(invariant, `the checker of ${name} comes to an end`, 'checkers');
      unjudged.wrong(`the checker of ${name} threw: ${error instanceof Error ? error.message : String(error)}`);
      return unjudged.finding();
    });
  }
}
