// I5: the stock of each SKU behaves as if one client after another changed and read it.
//
//   history ─► operations by SKU (stock-histories.ts) ─► an order of them, by search (linearizable.ts) ─► a finding
//
// That all SKUs of one order are reserved at one point is no part of it: an object of many objects is linearizable if each of
// them is (M. Herlihy and J. Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990), and orders of
// several lines are checked line by line.

import { examine } from '../../../mixins/finding.ts';
import type { Checker } from './checker.ts';
import { isLinearizable, STATES_MAX } from './linearizable.ts';
import { availableOf, availablePieces, type Pieces, type StockInput, type StockOperation } from './available-pieces.ts';
import { stockHistories } from './stock-histories.ts';

/**
 * States that are tried for all SKUs together, each counted as often as its history has operations: so much does it cost.
 * Measured with 600 operations: 0.2 µs and 40 bytes for each, hence some 12 s and 2.4 GB at most.
 */
const WORK_MAX = 60_000_000;

export interface StockLinearizableOptions {
  /** For one SKU; default 300,000. */
  readonly statesMax?: number;
  /** States times operations of all SKUs together; default 60,000,000. Each has its share; what one leaves, others have. */
  readonly workMax?: number;
  /** Whether a search that was given up counts as wrong; default: it is told and no more. */
  readonly isUndecidedWrong?: boolean;
}

/** The checker with bounds of its own. */
export function stockLinearizable({
  statesMax = STATES_MAX,
  workMax = WORK_MAX,
  isUndecidedWrong = false,
}: StockLinearizableOptions): Checker {
  return (evidence) => {
    const holds = examine('I5', 'stock of each SKU is linearizable', 'operations');
    const decided = examine('I5', 'whether stock of a SKU is linearizable was decided', 'SKUs');
    const undecided: string[] = [];
    let operationsUndecided = 0;
    // The shortest first: they take the least of their share, and the hot ones get what is left.
    const histories = [...stockHistories(evidence)].toSorted(([, a], [, b]) => a.length - b.length);
    let left = workMax;
    for (const [index, [sku, operations]] of histories.entries()) {
      const share = Math.max(1, Math.floor(left / (histories.length - index) / operations.length));
      const verdict = isLinearizable(availablePieces, operations, Math.min(share, statesMax));
      left = Math.max(0, left - verdict.tried * operations.length);
      if (verdict.linearizable === undefined) {
        undecided.push(`${sku}: no order of ${operations.length} operations was found in ${verdict.tried} states`);
        operationsUndecided += operations.length;
        continue;
      }
      decided.look(1);
      holds.look(operations.length);
      if (!verdict.linearizable) holds.wrong(sentence(sku, operations, verdict));
    }
    if (isUndecidedWrong) decided.wrong(undecided);
    const { length } = undecided;
    const partly = length === 0 ? undefined : `${length} of ${histories.length} were given up: ${undecided[0]}`;
    // In both measures: the hot ones are given up first, and few SKUs may be half of what was done.
    return [holds.finding(partly, operationsUndecided), decided.finding(partly, length)];
  };
}

/** Checks it within bounds that a run can wait for. */
export const checkLinearizable: Checker = stockLinearizable({});

function sentence(
  sku: string,
  operations: readonly StockOperation[],
  { placed, state, stuck }: { readonly placed: number; readonly state: Pieces; readonly stuck: number },
): string {
  const { operation, input } = operations[stuck] as StockOperation;
  const { id, kind, process } = operation;
  return (
    `${sku}: no order of its ${operations.length} operations explains them all: after ${placed} of them, ` +
    `with ${availableOf(state)} pieces available, operation ${id} (${kind} by ${process}: ${told(input)}) does not fit`
  );
}

function told(input: StockInput): string {
  if ('told' in input) return JSON.stringify(input.told);
  if ('available' in input) return `${input.available} available`;
  if ('atLeast' in input) return `at least ${input.atLeast} available`;
  return `${JSON.stringify(input.change)}${input.leaving === undefined ? '' : `, leaving ${JSON.stringify(input.leaving)}`}`;
}
