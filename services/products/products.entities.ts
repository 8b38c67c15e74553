// Products as lists and prices read them: the read columns of the products' own table, which each commit of a product
// writes beside its state. All are null while a product has none.

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Product, ProductStatus } from '../../actors/product.ts';

/** A row of the table of products. */
export const ProductRow = defineEntity({
  name: 'ProductRow',
  tableName: 'actors',
  properties: {
    id: p.text().primary(),
    sku: p.text(),
    name: p.text(),
    description: p.text().nullable(),
    category: p.text().nullable(),
    unitPrice: p.bigint('number'),
    currency: p.text(),
    partition: p.text(),
    status: p.text().$type<ProductStatus>(),
    updatedAt: p.datetime(),
  },
});

export type ProductRow = InferEntity<typeof ProductRow>;

/** The read columns and what each shows of a product. */
export const readColumns = {
  sku: { type: 'text', of: ({ sku }: Product) => sku },
  name: { type: 'text', of: ({ name }: Product) => name },
  description: { type: 'text', of: ({ description }: Product) => description ?? null },
  category: { type: 'text', of: ({ category }: Product) => category ?? null },
  unit_price: { type: 'bigint', of: ({ unitPrice }: Product) => unitPrice },
  currency: { type: 'text', of: ({ currency }: Product) => currency },
  partition: { type: 'text', of: ({ partition }: Product) => partition },
  status: { type: 'text', of: ({ status }: Product) => status },
  updated_at: { type: 'timestamptz', of: ({ updatedAt }: Product) => updatedAt },
} as const;
