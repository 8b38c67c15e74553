// One product (actor id: derived from the SKU, so that a SKU exists once). What is sold, under which name, at which price;
// how many pieces there are is known to stock alone.
//
//   absent ──Created──► live ──Edited──► live ──Deleted──► deleted ──Created──► live
//              │                                  │
//              └─ Receive(opening stock) to stock └─ product.deleted to the log
//
// An import is the same as creating or editing by hand, whichever is due; a row that changes nothing leaves no event.

import { type Actor, type At, invariant, type Reaction, type Refusal, refuse, unreachable } from './actor.ts';

export const SKU_LENGTH_MAX = 64;
export const NAME_LENGTH_MAX = 500;
export const DESCRIPTION_LENGTH_MAX = 20_000;
export const CATEGORY_LENGTH_MAX = 500;
/** Pieces that a product may open with. */
export const OPENING_STOCK_MAX = 100_000_000;
/** The currency of a product that was imported without one. */
export const CURRENCY_DEFAULT = 'GBP';

/** What people edit. `unitPrice` in ten-thousandths of the currency's unit; `category` is a path such as `Garden/Pots`. */
export interface ProductFacts {
  readonly name: string;
  readonly description?: string;
  readonly category?: string;
  readonly unitPrice: number;
  readonly currency: string;
}

/** New values of some facts; null takes an optional one away. */
export interface ProductChanges {
  readonly name?: string;
  readonly description?: string | null;
  readonly category?: string | null;
  readonly unitPrice?: number;
  readonly currency?: string;
}

export type ProductStatus = 'absent' | 'live' | 'deleted';

export interface Product extends ProductFacts {
  readonly status: ProductStatus;
  readonly sku: string;
  /** Stock partition that the SKU lives in. */
  readonly partition: string;
  /** The wish that created it: tells whoever sent it that it was theirs and not another one's. */
  readonly origin: string;
  /** Grows by one per change; editors name the one they saw. */
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A product to be: its SKU, where its stock lives, the pieces received once at the creation, and the wish itself. */
export interface NewProduct extends ProductFacts {
  readonly sku: string;
  readonly partition: string;
  readonly stock: number;
  readonly origin: string;
}

/** A row of an import. Without `currency` a product keeps the one it has. */
export type ImportedProduct = Omit<NewProduct, 'currency'> & { readonly currency?: string };

/** `revision`: the caller saw this one and wants no other changed. */
export type ProductCommand =
  | { readonly type: 'Create'; readonly data: NewProduct }
  | { readonly type: 'Edit'; readonly data: { readonly changes: ProductChanges; readonly revision?: number } }
  | { readonly type: 'Delete'; readonly data: { readonly revision?: number } }
  /** Creates or edits, whichever is due. */
  | { readonly type: 'Import'; readonly data: ImportedProduct };

export type ProductEvent =
  | { readonly type: 'Created'; readonly data: NewProduct & { readonly at: number } }
  | { readonly type: 'Edited'; readonly data: { readonly changes: ProductChanges; readonly at: number } }
  | { readonly type: 'Deleted'; readonly data: { readonly at: number } };

/** Which event may follow in which status, and where it leads. */
export const productTransitions: Readonly<Record<ProductStatus, Partial<Record<ProductEvent['type'], ProductStatus>>>> =
  {
    absent: { Created: 'live' },
    live: { Edited: 'live', Deleted: 'deleted' },
    deleted: { Created: 'live' },
  };

const initial: Product = {
  status: 'absent',
  sku: '',
  name: '',
  unitPrice: 0,
  currency: CURRENCY_DEFAULT,
  partition: '',
  origin: '',
  revision: 0,
  createdAt: 0,
  updatedAt: 0,
};

function decide(product: Product, command: At<ProductCommand>): readonly ProductEvent[] | Refusal {
  const { at } = command;
  switch (command.type) {
    case 'Create': {
      const { sku } = command.data;
      if (product.status === 'live')
        return refuse('sku-exists', `there is a product with the SKU ${sku} already: edit it, or choose another SKU`);
      return [{ type: 'Created', data: { ...command.data, at } }];
    }
    case 'Edit':
      if (product.status !== 'live') return gone();
      return moved(product, command.data.revision) ?? edit(product, command.data.changes, at);
    case 'Delete':
      if (product.status === 'absent') return gone();
      if (product.status === 'deleted') return [];
      return moved(product, command.data.revision) ?? [{ type: 'Deleted', data: { at } }];
    case 'Import': {
      const { currency, ...row } = command.data;
      if (product.status !== 'live')
        return [{ type: 'Created', data: { ...row, currency: currency ?? CURRENCY_DEFAULT, at } }];
      const { name, description = null, category = null, unitPrice } = row;
      return edit(product, { name, description, category, unitPrice, currency: currency ?? product.currency }, at);
    }
    default:
      return unreachable(command);
  }
}

function gone(): Refusal {
  return refuse('not-found', 'there is no such product');
}

/** The refusal of a caller who has seen another revision than the present one. */
function moved(product: Product, revision: number | undefined): Refusal | undefined {
  if (revision === undefined || revision === product.revision) return undefined;
  return refuse(
    'precondition-failed',
    `the product was changed since: you saw revision ${revision}, it is at ${product.revision}`,
  );
}

/** Only what differs becomes an event. */
function edit(product: Product, changes: ProductChanges, at: number): readonly ProductEvent[] {
  const entries = Object.entries(changes) as [keyof ProductChanges, string | number | null][];
  const differing = entries.filter(([fact, value]) => (product[fact] ?? null) !== value);
  return differing.length === 0 ? [] : [{ type: 'Edited', data: { changes: Object.fromEntries(differing), at } }];
}

function evolve(product: Product, event: ProductEvent): Product {
  const status = productTransitions[product.status][event.type];
  invariant(status !== undefined, `a product that is ${product.status} cannot have the event ${event.type}`);
  const next = { status, revision: product.revision + 1, updatedAt: event.data.at };
  if (event.type === 'Created') {
    const { stock: _, at, ...facts } = event.data;
    return { ...facts, ...next, createdAt: at };
  }
  if (event.type === 'Edited') {
    const edited = Object.entries({ ...product, ...event.data.changes, ...next });
    return Object.fromEntries(edited.filter(([, value]) => value !== null)) as unknown as Product;
  }
  event.type satisfies 'Deleted';
  return { ...product, ...next };
}

function react(product: Product, event: ProductEvent, id: string): readonly Reaction[] {
  switch (event.type) {
    case 'Created': {
      const { sku, partition, stock } = event.data;
      if (stock === 0) return [];
      return [
        { kind: 'send', to: 'stock', id: partition, command: { type: 'Receive', data: { sku, quantity: stock } } },
      ];
    }
    case 'Edited':
      return [];
    case 'Deleted':
      return [{ kind: 'publish', topic: 'product.deleted', key: id, data: { productId: id, sku: product.sku } }];
    default:
      return unreachable(event);
  }
}

function check(product: Product): void {
  if (product.status === 'absent') return;
  invariant(product.sku !== '' && product.name !== '', 'a product has a SKU and a name');
  invariant(
    Number.isSafeInteger(product.unitPrice) && product.unitPrice >= 0,
    'a price is a whole number of ten-thousandths, not below zero',
  );
  invariant(/^[A-Z]{3}$/.test(product.currency), 'a currency is an ISO 4217 code');
  invariant(product.partition !== '', 'a product lives in a stock partition');
}

/** The rules of a product. */
export const productActor: Actor<Product, ProductCommand, ProductEvent> = {
  name: 'product',
  initial,
  decide,
  evolve,
  react,
  check,
};
