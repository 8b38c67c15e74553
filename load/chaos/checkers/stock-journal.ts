// In which order stock changed, by its own journal: a hint for the search (linearizable-hint.ts), which believes none of it.
//
//   Received, WrittenOff ─► a movement of as many pieces        Reserved, Released, Returned ─► what that order did
//
// A SKU lives in one partition, and the versions of its journal are in the order in which its changes took effect; times are
// not looked at, since clocks may have been moved. Refusals change nothing and need no hint.

import type { Books, JournalEntry } from '../books/books.ts';
import { alikeOf, type Pieces, type StockOperation } from './available-pieces.ts';
import type { Hint } from './linearizable-hint.ts';

/** What an entry did to one SKU. */
interface Move {
  readonly sku: string;
  readonly change: Partial<Pieces>;
  readonly orderId?: string;
}

/** The changes of each SKU, one after another; none without a journal. */
export function hintsOf(
  { contexts }: Books,
  histories: ReadonlyMap<string, readonly StockOperation[]>,
): ReadonlyMap<string, Hint> {
  const hints = new Map<string, (readonly number[])[]>();
  const places = placesIn(histories);
  const journal = [...(contexts.inventory?.journal ?? [])].sort(
    (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0) || a.version - b.version || a.index - b.index,
  );
  for (const move of journal.flatMap(movesOf)) {
    // Whose answer was lost may not know what its order is called.
    const candidates = places.get(nameOf(move)) ?? places.get(nameOf({ sku: move.sku, change: move.change }));
    if (candidates === undefined) continue;
    const hint = hints.get(move.sku);
    if (hint === undefined) hints.set(move.sku, [candidates]);
    else hint.push(candidates);
  }
  return hints;
}

const nameOf = ({ sku, change, orderId }: Move): string => JSON.stringify([sku, alikeOf(change), orderId]);

/** By what the journal can say of them: the operations of one SKU that did the same, for the same order or for none. */
function placesIn(histories: ReadonlyMap<string, readonly StockOperation[]>): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  for (const [sku, operations] of histories)
    operations.forEach(({ input, orderId }, place) => {
      if (!('change' in input)) return;
      const name = nameOf({ sku, change: input.change, ...(orderId === undefined ? {} : { orderId }) });
      const known = places.get(name);
      if (known === undefined) places.set(name, [place]);
      else known.push(place);
    });
  return places;
}

function movesOf({ type, data }: JournalEntry): readonly Move[] {
  const lines: readonly { readonly sku: string; readonly quantity: number }[] = data.lines ?? [];
  const each = (change: (quantity: number) => Partial<Pieces>): readonly Move[] =>
    lines.map(({ sku, quantity }) => ({ sku, change: change(quantity), orderId: data.orderId as string }));
  switch (type) {
    case 'Received':
      return [{ sku: data.sku, change: { received: data.quantity } }];
    case 'WrittenOff':
      return [{ sku: data.sku, change: { writtenOff: data.quantity } }];
    case 'Reserved':
      return each((quantity) => ({ held: quantity }));
    case 'Released':
      return each((quantity) => ({ held: -quantity }));
    case 'Returned':
      return each((quantity) => ({ returned: quantity }));
    default:
      // Pieces that are sold stay held.
      return [];
  }
}
