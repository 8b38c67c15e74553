// I5: the stock of each SKU behaves as if one client after another changed and read it.
//
//   history ─► operations by SKU (stock-histories.ts) ─► an order of them (linearizable.ts) ─► a finding
//   journal ─► in which order they are likely to have been (stock-journal.ts) ──┘
//
// The order of the journal is verified against what clients saw, and only if it does not fit, another is searched.
//
// That all SKUs of one order are reserved at one point is no part of it: an object of many objects is linearizable if each of
// them is (M. Herlihy and J. Wing, "Linearizability: A Correctness Condition for Concurrent Objects", 1990), and orders of
// several lines are checked line by line.

import { examine } from '../../../mixins/finding.ts';
import type { Checker } from './checker.ts';
import { isLinearizable, STATES_MAX } from './linearizable.ts';
import type { Impasse } from './linearizable-model.ts';
import { availableOf, availablePieces, type Pieces, type StockInput, type StockOperation } from './available-pieces.ts';
import { stockHistories } from './stock-histories.ts';
import { hintsOf } from './stock-journal.ts';

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
  /** Whether every search that was given up counts as wrong; default: where there is a journal, and its order is none. */
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
    // The journal says what happened. If that does not explain what clients were told, and nothing else was found that does,
    // it is not for lack of time: in health it always has.
    const misfits: string[] = [];
    let operationsUndecided = 0;
    // The shortest first: they take the least of their share, and the hot ones get what is left.
    const all = stockHistories(evidence);
    const hints = hintsOf(evidence.books, all);
    const histories = [...all].toSorted(([, a], [, b]) => a.length - b.length);
    let left = workMax;
    for (const [index, [sku, operations]] of histories.entries()) {
      const share = Math.max(1, Math.floor(left / (histories.length - index) / operations.length));
      const verdict = isLinearizable(availablePieces, operations, Math.min(share, statesMax), hints.get(sku));
      left = Math.max(0, left - verdict.tried * operations.length);
      if (verdict.linearizable === undefined) {
        undecided.push(givenUp(sku, operations, verdict));
        if (verdict.hinted !== undefined) misfits.push(givenUp(sku, operations, verdict));
        operationsUndecided += operations.length;
        continue;
      }
      decided.look(1);
      holds.look(operations.length);
      if (!verdict.linearizable) holds.wrong(sentence(sku, operations, verdict));
    }
    decided.wrong(isUndecidedWrong ? undecided : misfits);
    const { length } = undecided;
    const partly = length === 0 ? undefined : `${length} of ${histories.length} were given up: ${undecided[0]}`;
    // In both measures: the hot ones are given up first, and few SKUs may be half of what was done.
    return [holds.finding(partly, operationsUndecided), decided.finding(partly, length)];
  };
}

/** Checks it within bounds that a run can wait for. */
export const checkLinearizable: Checker = stockLinearizable({});

function sentence(sku: string, operations: readonly StockOperation[], impasse: Impasse<Pieces>): string {
  return `${sku}: no order of its ${operations.length} operations explains them all: ${toldOf(impasse, operations)}`;
}

function givenUp(
  sku: string,
  operations: readonly StockOperation[],
  { tried, hinted }: { readonly tried: number; readonly hinted?: Impasse<Pieces> },
): string {
  const journal = hinted === undefined ? '' : `, and that of the journal is none: ${toldOf(hinted, operations)}`;
  return `${sku}: no order of ${operations.length} operations was found in ${tried} states${journal}`;
}

function toldOf({ placed, state, stuck }: Impasse<Pieces>, operations: readonly StockOperation[]): string {
  const { operation, input } = operations[stuck] as StockOperation;
  const { id, kind, process } = operation;
  return (
    `after ${placed} of them, with ${availableOf(state)} pieces available, ` +
    `operation ${id} (${kind} by ${process}: ${told(input)}) does not fit`
  );
}

function told(input: StockInput): string {
  if ('told' in input) return JSON.stringify(input.told);
  if ('available' in input) return `${input.available} available`;
  if ('atLeast' in input) return `at least ${input.atLeast} available`;
  return `${JSON.stringify(input.change)}${input.leaving === undefined ? '' : `, leaving ${JSON.stringify(input.leaving)}`}`;
}
