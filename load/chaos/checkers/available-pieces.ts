// The balances of a SKU, as a sequential object, and operations on it as clients saw them. Of the balances that a client is
// told, these change at a point that somebody waits for, or at least knows of:
//
//   received + returned − held − written off = available        held: reserved or sold, between which pieces move unseen

import type { Json, Operation } from '../history/operation.ts';
import type { Model, Spanned } from './linearizable-model.ts';
import type { Wish } from './wishes.ts';

export const never = Number.POSITIVE_INFINITY;

/** Pieces of one SKU. */
export interface Pieces {
  readonly received: number;
  readonly returned: number;
  readonly held: number;
  readonly writtenOff: number;
}

/** What an operation does to the pieces, or says of them. */
export type StockInput =
  /** `leaving`: how many there were right after it. */
  | { readonly change: Partial<Pieces>; readonly leaving?: Told }
  | { readonly told: Told }
  | { readonly available: number }
  | { readonly atLeast: number };

/** What an answer says of the stock of a SKU. */
export interface Told extends Pieces {
  readonly available: number;
}

export interface StockOperation extends Spanned<StockInput> {
  readonly operation: Operation;
  /** Whose pieces they are: the journal knows them by it. */
  readonly orderId?: string;
}

export const availableOf = ({ received, returned, held, writtenOff }: Pieces): number =>
  received + returned - held - writtenOff;

const isTold = (pieces: Pieces, told: Told): boolean =>
  pieces.received === told.received &&
  pieces.returned === told.returned &&
  pieces.held === told.held &&
  pieces.writtenOff === told.writtenOff &&
  availableOf(pieces) === told.available;

/** Pieces of one SKU; there are none before its product is created. */
export const availablePieces: Model<Pieces, StockInput> = {
  initial: { received: 0, returned: 0, held: 0, writtenOff: 0 },
  isCommutative: true,
  step(pieces, input) {
    if ('told' in input) return isTold(pieces, input.told) ? pieces : undefined;
    if ('available' in input) return availableOf(pieces) === input.available ? pieces : undefined;
    if ('atLeast' in input) return availableOf(pieces) >= input.atLeast ? pieces : undefined;
    const { received = 0, returned = 0, held = 0, writtenOff = 0 } = input.change;
    const after = {
      received: pieces.received + received,
      returned: pieces.returned + returned,
      held: pieces.held + held,
      writtenOff: pieces.writtenOff + writtenOff,
    };
    if (availableOf(after) < 0 || after.held < 0) return undefined;
    return input.leaving === undefined || isTold(after, input.leaving) ? after : undefined;
  },
  // Which operations are placed says it all.
  keyOf: () => '',
};

/** The pieces in an answer about stock. */
export function toldBy({ received, returned, reserved, sold, writtenOff, available }: Json): Told {
  return { received, returned, held: reserved + sold, writtenOff, available };
}

/** Adds an operation to the history of a SKU. @returns its place in it */
export type Add = (sku: string, operation: StockOperation) => number;

/** Attempts that may have reached the shop: a connection that was refused carried nothing. */
export function carried({ attempts }: Wish): readonly Operation[] {
  return attempts.filter(({ ending }) => ending?.error?.startsWith('connect ECONNREFUSED') !== true);
}

/** From the first attempt on, until the one that was answered for good was. */
export function spanOf(attempts: readonly Operation[], answered: Operation) {
  const from = Math.min(...attempts.map(({ at }) => at));
  return { operation: answered, from, to: answered.ending?.endedAt ?? never };
}

/** The first of the attempts that was answered like this. */
export function firstAnswered(
  attempts: readonly Operation[],
  fits: (answer: Json, status: number) => boolean,
): Operation | undefined {
  return attempts
    .filter(({ ending }) => ending?.answer !== undefined && fits(ending.answer, ending.status ?? 0))
    .toSorted((a, b) => (a.ending?.endedAt ?? never) - (b.ending?.endedAt ?? never))[0];
}

/** Changes of the same kind and size are alike. */
export const alikeOf = (change: Partial<Pieces>): string => JSON.stringify(change);

/** A change that may have happened at any time from then on, or never. */
export function perhaps(change: Partial<Pieces>, operation: Operation, from: number): StockOperation {
  return { operation, input: { change }, from, to: never, optional: true, alike: alikeOf(change) };
}
