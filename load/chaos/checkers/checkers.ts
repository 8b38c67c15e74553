// All checkers. Each claims one invariant or a few; together they claim all of them.

import type { Finding } from '../../../mixins/finding.ts';
import type { Checker, Evidence } from './checker.ts';
import { checkCarts } from './carts.ts';
import { checkEffects } from './effects.ts';
import { checkFailover } from './failover.ts';
import { checkKeys } from './keys.ts';
import { checkLiveness } from './liveness.ts';
import { checkMoney } from './money.ts';
import { checkOrders } from './orders.ts';
import { checkOutbox } from './outbox.ts';
import { checkOwnWrites } from './own-writes.ts';
import { checkPaths } from './paths.ts';
import { checkPrivacy } from './privacy.ts';
import { checkLinearizable } from './stock-linearizable.ts';
import { checkStock } from './stock.ts';
import { checkWindows } from './windows.ts';

/** Every invariant by its number. */
export const invariants: readonly string[] = [
  ...Array.from({ length: 15 }, (_, i) => `I${i + 1}`),
  ...Array.from({ length: 6 }, (_, i) => `L${i + 1}`),
];

export const checkers: readonly Checker[] = [
  checkOrders,
  checkMoney,
  checkStock,
  checkLinearizable,
  checkOutbox,
  checkEffects,
  checkKeys,
  checkPaths,
  checkOwnWrites,
  checkCarts,
  checkWindows,
  checkPrivacy,
  checkLiveness,
  checkFailover,
];

/** What all checkers found, in the order of the invariants. */
export function checkAll(evidence: Evidence): readonly Finding[] {
  const place = ({ invariant }: Finding) => invariants.indexOf(invariant);
  return checkers.flatMap((checker) => checker(evidence)).toSorted((a, b) => place(a) - place(b));
}
