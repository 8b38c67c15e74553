// How many pieces an order could have now: asked of stock at read time, one call for all readers of a moment, and
// remembered for a quarter of a second.

import { coalesce } from '../../mixins/coalesce.ts';

/** How old an answer may be, in milliseconds. */
export const AVAILABLE_AGE_MAX_MS = 250;
/** SKUs remembered; beyond it the oldest answers go. */
const REMEMBERED_MAX = 10_000;

export interface Availability {
  /** Pieces by SKU; a SKU that stock has never seen has none. */
  of(skus: readonly string[]): Promise<(sku: string) => number>;
  /** Stock has just changed: the next answer about these SKUs is a fresh one. */
  forget(skus: readonly string[]): void;
}

/** `ask` brings the pieces of many SKUs in one call; `now` is a clock in milliseconds. */
export function createAvailability(
  ask: (skus: readonly string[]) => Promise<Readonly<Record<string, number>>>,
  now: () => number = () => performance.now(),
): Availability {
  const remembered = new Map<string, { readonly pieces: number; readonly askedAt: number }>();
  const asked = coalesce<string, number>(async (skus) => {
    const askedAt = now();
    const pieces = new Map(Object.entries(await ask(skus)));
    for (const sku of skus) {
      remembered.delete(sku);
      remembered.set(sku, { pieces: pieces.get(sku) ?? 0, askedAt });
    }
    for (const oldest of remembered.keys()) {
      if (remembered.size <= REMEMBERED_MAX) break;
      remembered.delete(oldest);
    }
    return pieces;
  });

  async function of(skus: readonly string[]): Promise<(sku: string) => number> {
    const known = new Map<string, number>();
    const unknown: string[] = [];
    for (const sku of new Set(skus)) {
      const last = remembered.get(sku);
      if (last !== undefined && now() - last.askedAt <= AVAILABLE_AGE_MAX_MS) known.set(sku, last.pieces);
      else unknown.push(sku);
    }
    const fresh = unknown.length === 0 ? undefined : await asked(unknown);
    return (sku) => known.get(sku) ?? fresh?.get(sku) ?? 0;
  }

  return {
    of,
    forget(skus) {
      for (const sku of skus) remembered.delete(sku);
    },
  };
}
