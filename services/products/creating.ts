// How products come to be, one by one or by import: created, then answered once stock has taken what they open with.
//
//   Create, Import ──► host ──► Created (committed) ──► inventory.receive ──► answer
//                                     └──► outbox ──► inventory.receive (the same command id: whichever comes first counts)

import type { Service } from 'moleculer';
import type { Money } from '../../actors/money.ts';
import { type NewProduct, type Product, productActor, type ProductCommand } from '../../actors/product.ts';
import type { DeliveryAnswer } from '../../brokers/hosting.ts';
import { orThrow, Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import type { Hosting } from '../../mixins/hosts.mixin.ts';
import { read } from '../../mixins/postgres/reads.ts';
import type { Availability } from './availability.ts';
import type { NumberedRow } from './import.ts';
import { type Opening, receiveOpeningStock } from './opening-stock.ts';
import { productIdOf } from './product-id.ts';
import { etagOf, readCategory, readPrice, viewProduct } from './product.view.ts';
import type { Answered } from './products.store.ts';

/** The stock partition that new products live in. */
const PARTITION = 'main';

/** What of the service creating needs. */
export interface Creating extends Pick<Hosting<Product, ProductCommand>, 'host' | 'store'>, Pick<Service, 'broker'> {
  readonly available: Availability;
}

export interface NewProductParams {
  readonly sku: string;
  readonly name: string;
  readonly description?: string;
  readonly category?: string;
  readonly price: Money;
  readonly stock: number;
}

/** Creates a product; resolves when stock has taken its opening quantity. */
export async function createProduct(products: Creating, params: NewProductParams, meta: Caller): Promise<object> {
  const { commandId, fingerprint, keyed } = meta;
  const { sku, name, description = '', category = '', price, stock } = params;
  const path = readCategory(category);
  const data: NewProduct = {
    sku,
    name,
    ...(description === '' ? {} : { description }),
    ...(path === null ? {} : { category: path }),
    ...readPrice(price),
    stock,
    partition: PARTITION,
    origin: commandId,
  };
  const id = productIdOf(sku);
  // The answer is kept with the creation, so it has to say beforehand how many pieces there will be.
  products.available.forget([sku]);
  const available = (await products.available.of([sku]))(sku) + stock;
  const answer = (product: Product) => viewProduct(id, product, available);
  const told = orThrow(
    await products.host.tell(id, { type: 'Create', data }, { commandId, ...(keyed ? { fingerprint, answer } : {}) }),
  );
  const { repeated, state, version } = told;
  if (keyed && repeated?.fingerprint !== undefined && repeated.fingerprint !== fingerprint) {
    throw new Problem(
      'idempotency-key-reused',
      'this Idempotency-Key was used for another request: send the same body, or another key',
    );
  }
  if (state.origin === commandId)
    await open(products, [{ id, version: repeated?.version ?? version, product: state, stock }]);
  meta.$statusCode = 201;
  meta.$location = `/api/v1/products/${id}`;
  if (repeated?.answer !== undefined) {
    meta.etag = etagOf(state, available);
    return JSON.parse(repeated.answer) as object;
  }
  // For a repeat stock has counted the opening quantity already.
  const now = repeated === undefined ? available : (await products.available.of([sku]))(sku);
  meta.etag = etagOf(state, now);
  return viewProduct(id, state, now);
}

/** Creates or edits a product for each row; resolves when stock has taken what the new ones opened with. */
export async function takeRows(products: Creating, rows: readonly NumberedRow[], importId: string): Promise<void> {
  const told = await Promise.all(
    rows.map(async ({ line, row }): Promise<Opening[]> => {
      const id = productIdOf(row.sku);
      const origin = `${importId}/${line}`;
      const command: ProductCommand = { type: 'Import', data: { ...row, partition: PARTITION, origin } };
      const { state, version, repeated } = orThrow(await products.host.tell(id, command, { commandId: origin }));
      return state.origin === origin
        ? [{ id, version: repeated?.version ?? version, product: state, stock: row.stock }]
        : [];
    }),
  );
  await open(products, told.flat());
}

async function open(products: Creating, openings: readonly Opening[]): Promise<void> {
  const deliver = (deliveries: readonly object[]) =>
    products.broker.call<readonly DeliveryAnswer[], object>('inventory.receive', { deliveries });
  await receiveOpeningStock(deliver, openings);
  products.available.forget(openings.map(({ product }) => product.sku));
}

/** A creation whose answer is repeated may have been interrupted before stock took its pieces. */
export async function settleOpening(products: Creating, { id, version }: Answered): Promise<void> {
  const [created] = (await read(products.store.journal(id, version - 1))) ?? [];
  if (created?.type !== 'Created') return;
  const { stock, ...product } = created.data as NewProduct & { readonly at: number };
  await open(products, [
    { id, version, product: { ...productActor.initial, ...product, createdAt: product.at }, stock },
  ]);
}
