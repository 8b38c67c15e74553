// The catalogue over the wire: products for everyone to see, their keeping for staff, prices for orders and carts. The
// rules are the product's; how many pieces there are is asked of stock.
//
//   POST, import ──► Create, Import ──► Created ──► stock receives the opening quantity ──► answer
//   GET ──► read columns of the primary + inventory.available ──► views

import { randomUUID } from 'node:crypto';
import type { Context } from 'moleculer';
import type { Money } from '../../actors/money.ts';
import { type Product, productActor, type ProductChanges, type ProductCommand } from '../../actors/product.ts';
import { productCommands } from '../../brokers/commands/product.ts';
import { orThrow, Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import { type Ask, coalesce } from '../../mixins/coalesce.ts';
import { createCursors, type Cursors } from '../../mixins/cursor.ts';
import { exportFile, type ExportFormat } from '../../mixins/export-file.ts';
import { type Hosting, hosts } from '../../mixins/hosts.mixin.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { stateReader } from '../../mixins/postgres/reads.ts';
import { revisionSeen } from '../../mixins/revision.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { type Streaming, streams } from '../../mixins/streams/streams.mixin.ts';
import { type Availability, createAvailability } from './availability.ts';
import { categoryTree } from './categories.ts';
import { createProduct, type NewProductParams, settleOpening, takeRows } from './creating.ts';
import { exportProducts, productPages } from './export.ts';
import { importRows, type ImportReport, type Take } from './import.ts';
import type { Cells } from './import-row.ts';
import { importUpload } from './import-upload.ts';
import { etagOf, type ProductView, readCategory, readPrice, viewProduct } from './product.view.ts';
import { countByCategory, listProducts, type ListParams, type Quote, quoteProducts } from './products.list.ts';
import { answeredCommand, finishedLoads, markLoaded, openProductStore } from './products.store.ts';
import { createSearch, type Search } from './search.ts';

interface Products extends Hosting<Product, ProductCommand>, Streaming {
  database: Database;
  cursors: Cursors;
  search: Search;
  available: Availability;
  states: Ask<string, Product>;
  quotes: Ask<string, Quote>;
}

interface Changes {
  readonly id: string;
  readonly name?: string;
  readonly description?: string | null;
  readonly category?: string | null;
  readonly price?: Money;
}

/** The products service; opens its store when it starts. */
export const productsService = (platform: Platform): SchemaOf<Products> => ({
  name: 'products',
  mixins: [
    hosts({
      actor: productActor,
      commands: productCommands,
      store: (service) => openProductStore(service as unknown as Products, platform),
      close: (service) => (service as unknown as Partial<Products>).database?.close(),
      log: () => platform.log(),
      alert: (what, particulars) => platform.alert(what, particulars),
    }),
    streams(),
  ],

  started(this: Products) {
    this.cursors = createCursors(platform.secret('cursors'));
    this.search = createSearch(this.database, this.cursors);
    this.available = createAvailability((skus) => this.broker.call('inventory.available', { skus }));
    this.states = stateReader(this.database);
    this.quotes = coalesce((ids) => quoteProducts(this.database, ids));
  },
  async stopped(this: Products) {
    await this.openStreams.closeAll();
  },

  actions: {
    list: {
      async handler(this: Products, ctx: Context<ListParams>) {
        const { rows, ...page } = await listProducts(this.database, this.cursors, this.search, ctx.params);
        const available = await this.available.of(rows.map(({ sku }) => sku));
        return { items: rows.map((row) => viewProduct(row.id, row, available(row.sku))), ...page };
      },
    },
    get: {
      async handler(this: Products, ctx: Context<{ id: string }, Caller>) {
        const { id } = ctx.params;
        const product = await liveProduct(this, id);
        return await show(this, ctx.meta, id, product);
      },
    },
    categories: {
      async handler(this: Products) {
        return { items: categoryTree(await countByCategory(this.database)) };
      },
    },
    export: {
      handler(this: Products, ctx: Context<{ format?: ExportFormat }, Caller>) {
        const { format = 'csv' } = ctx.params;
        const text = exportProducts(productPages(this.database), this.available, format);
        return this.openStreams.send(ctx, exportFile(ctx.meta, 'products', format, text));
      },
    },

    create: {
      handler(this: Products, ctx: Context<NewProductParams, Caller>) {
        return createProduct(this, ctx.params, ctx.meta);
      },
    },
    update: {
      async handler(this: Products, ctx: Context<Changes, Caller>) {
        const { id, price, description, category, name } = ctx.params;
        const changes: ProductChanges = {
          ...(name === undefined ? {} : { name }),
          ...(description === undefined ? {} : { description: description === '' ? null : description }),
          ...(category === undefined ? {} : { category: category === null ? null : readCategory(category) }),
          ...(price === undefined ? {} : readPrice(price)),
        };
        const command: ProductCommand = { type: 'Edit', data: { changes, ...revisionSeen(ctx.meta.ifMatch) } };
        const { state } = orThrow(await this.host.tell(id, command, { commandId: ctx.meta.commandId }));
        return await show(this, ctx.meta, id, state);
      },
    },
    remove: {
      async handler(this: Products, ctx: Context<{ id: string }, Caller>) {
        const command: ProductCommand = { type: 'Delete', data: { ...revisionSeen(ctx.meta.ifMatch) } };
        orThrow(await this.host.tell(ctx.params.id, command, { commandId: ctx.meta.commandId }));
        ctx.meta.$statusCode = 204;
      },
    },
    import: {
      handler(this: Products, ctx: Context<{ readonly inPieces?: boolean }, Caller>) {
        const { commandId } = ctx.meta;
        const take: Take = (rows) => takeRows(this, rows, commandId);
        return this.openStreams.receive(ctx, (body): Promise<ImportReport> => importUpload(body, take));
      },
    },

    /** Imports rows that are at hand already: `rows` as a file would hold them, by column. */
    importRows: {
      visibility: 'public',
      handler(this: Products, ctx: Context<{ rows: readonly Cells[] }>): Promise<ImportReport> {
        const importId = randomUUID();
        return importRows(ctx.params.rows, (rows) => takeRows(this, rows, importId));
      },
    },
    /** Prices and status of products from the primary, in the order asked for; null: there is no such product. */
    quote: {
      visibility: 'public',
      async handler(
        this: Products,
        ctx: Context<{ items: readonly { readonly productId: string }[] }>,
      ): Promise<readonly (Quote | null)[]> {
        const ids = ctx.params.items.map(({ productId }) => productId);
        const quotes = await this.quotes(ids);
        return ids.map((id) => quotes.get(id) ?? null);
      },
    },
    /** The kept answer of an earlier creation with this command id; null: there was none. */
    answered: {
      visibility: 'public',
      async handler(this: Products, ctx: Context<{ commandId: string }>) {
        const known = await answeredCommand(this.database, ctx.params.commandId);
        if (known === undefined) return null;
        await settleOpening(this, known);
        const { fingerprint, id, answer } = known;
        const headers = { Location: `/api/v1/products/${id}` };
        return { fingerprint, status: 201, headers, body: JSON.parse(answer) as object };
      },
    },

    /** Remembers that a catalogue was loaded whole. */
    markLoaded: {
      visibility: 'public',
      async handler(this: Products, ctx: Context<{ name: string; products: number }>) {
        await markLoaded(this.database, ctx.params);
      },
    },
    /** Catalogues that were loaded whole, and how many products each had. */
    loaded: {
      visibility: 'public',
      handler(this: Products) {
        return finishedLoads(this.database);
      },
    },
    /** The catalogue is there: an order would find its products. */
    ready: {
      visibility: 'public',
      async handler(this: Products) {
        return { ready: Object.keys(await finishedLoads(this.database)).length > 0 };
      },
    },
  },
});

/** The product, if it is sold. */
async function liveProduct(products: Products, id: string): Promise<Product> {
  const product = (await products.states([id])).get(id);
  if (product?.status !== 'live') throw new Problem('not-found', `there is no product ${id}`);
  return product;
}

async function show(products: Products, meta: Caller, id: string, product: Product): Promise<ProductView> {
  const available = (await products.available.of([product.sku]))(product.sku);
  meta.etag = etagOf(product, available);
  return viewProduct(id, product, available);
}
