// What is sold in the simulated shop, and to whom.

import type { Json } from '../history/operation.ts';

export interface SimulatedProduct {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  /** Ten-thousandths. */
  readonly unitPrice: number;
  readonly currency: string;
  /** Pieces at the start. */
  readonly stock: number;
}

/** What is sold: little of it, one thing for nothing, and one in another currency. */
export const catalogue: readonly SimulatedProduct[] = [
  { id: 'p-mug', sku: 'mug', name: 'Mug', unitPrice: 25_500, currency: 'GBP', stock: 16 },
  { id: 'p-cup', sku: 'cup', name: 'Cup', unitPrice: 4_999, currency: 'GBP', stock: 24 },
  { id: 'p-pin', sku: 'pin', name: 'Pin', unitPrice: 0, currency: 'GBP', stock: 16 },
  { id: 'p-hat', sku: 'hat', name: 'Hat', unitPrice: 1_000_000, currency: 'JPY', stock: 8 },
];

export const customers: readonly string[] = ['ada', 'bob', 'cy'];
export const contactOf = (id: string): Json => ({
  id,
  email: `${id}@people.example`,
  name: `${id} of Exeter`,
});
