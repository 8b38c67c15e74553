// Products, categories, stock and carts.

import { cartIdOfUser } from '../../actors/cart.ts';
import {
  cartLine,
  exportFormat,
  newProduct,
  paging,
  productChanges,
  productFilters,
  skuParameter,
  stockReceipt,
  stockWriteOff,
} from './requests.schemas.ts';
import { byCommand, route, type Sharded } from './route.ts';

/** Stock is an actor per partition; all SKUs are in this one until there are more. */
const byPartition = () => 'main';

const byOwnCart = ({ principal }: Sharded) => (principal.kind === 'user' ? cartIdOfUser(principal.id) : undefined);

export const catalogueRoutes = [
  route('GET /api/v1/products', {
    action: 'products.list',
    summary: 'Search products',
    who: 'public',
    query: { ...productFilters, ...paging },
    answer: 'Products',
  }),
  route('GET /api/v1/products/export', {
    action: 'products.export',
    summary: 'All products as a file',
    who: 'staff',
    kind: 'export',
    query: exportFormat,
  }),
  route('GET /api/v1/products/{id}', {
    action: 'products.get',
    summary: 'A product',
    who: 'public',
    answer: 'Product',
    tagged: true,
  }),
  route('GET /api/v1/categories', {
    action: 'products.categories',
    summary: 'The tree of categories',
    who: 'public',
    answer: 'Categories',
  }),
  route('POST /api/v1/products', {
    action: 'products.create',
    summary: 'Add a product',
    who: 'staff',
    body: newProduct,
    statuses: [201],
    answer: 'Product',
    refusals: [409],
    idempotent: true,
    lookup: 'products.answered',
    // A product is named by its SKU: under another one it would be a second product.
    lookupFirst: true,
  }),
  // An import is idempotent by itself (a row is a product's facts, its opening stock is received once), and its body is
  // not kept to be compared with.
  route('POST /api/v1/products/import', {
    action: 'products.import',
    summary: 'Create and edit products from CSV',
    who: 'staff',
    kind: 'csv',
    answer: 'ImportReport',
  }),
  route('PATCH /api/v1/products/{id}', {
    action: 'products.update',
    summary: 'Edit a product',
    who: 'staff',
    body: productChanges,
    answer: 'Product',
    refusals: [409, 412],
  }),
  route('DELETE /api/v1/products/{id}', {
    action: 'products.remove',
    summary: 'Take a product out of the catalogue',
    who: 'staff',
    statuses: [204],
    refusals: [412],
  }),

  route('GET /api/v1/stock/{sku}', {
    action: 'inventory.get',
    summary: 'Balances of a SKU',
    who: 'staff',
    params: { sku: skuParameter },
    answer: 'Stock',
    tagged: true,
  }),
  route('POST /api/v1/stock/{sku}/receive', {
    action: 'inventory.receiveStock',
    shard: byPartition,
    summary: 'Take pieces into stock',
    who: 'staff',
    params: { sku: skuParameter },
    body: stockReceipt,
    answer: 'Stock',
    refusals: [409],
    idempotent: true,
    lookup: 'inventory.answered',
  }),
  route('POST /api/v1/stock/{sku}/write-off', {
    action: 'inventory.writeOff',
    shard: byPartition,
    summary: 'Write pieces off',
    who: 'staff',
    params: { sku: skuParameter },
    body: stockWriteOff,
    answer: 'Stock',
    refusals: [409],
    idempotent: true,
    lookup: 'inventory.answered',
  }),

  route('POST /api/v1/carts', {
    action: 'carts.create',
    shard: byCommand,
    summary: 'Open a guest cart',
    who: 'anyone',
    statuses: [201],
    answer: 'NewCart',
    idempotent: true,
  }),
  route('GET /api/v1/carts/me', {
    action: 'carts.mine',
    shard: byOwnCart,
    summary: 'The own cart',
    who: 'customer',
    answer: 'Cart',
    tagged: true,
  }),
  route('PUT /api/v1/carts/me/lines/{productId}', {
    action: 'carts.putMyLine',
    shard: byOwnCart,
    summary: 'Put a product into the own cart',
    who: 'customer',
    body: cartLine,
    answer: 'Cart',
    refusals: [409, 412],
  }),
  route('DELETE /api/v1/carts/me/lines/{productId}', {
    action: 'carts.removeMyLine',
    shard: byOwnCart,
    summary: 'Take a product out of the own cart',
    who: 'customer',
    answer: 'Cart',
    refusals: [409, 412],
  }),
  route('GET /api/v1/carts/{id}', {
    action: 'carts.get',
    summary: 'A cart',
    who: 'cart',
    answer: 'Cart',
    tagged: true,
  }),
  route('PUT /api/v1/carts/{id}/lines/{productId}', {
    action: 'carts.putLine',
    summary: 'Put a product into a cart',
    who: 'cart',
    body: cartLine,
    answer: 'Cart',
    refusals: [409, 412],
  }),
  route('DELETE /api/v1/carts/{id}/lines/{productId}', {
    action: 'carts.removeLine',
    summary: 'Take a product out of a cart',
    who: 'cart',
    answer: 'Cart',
    refusals: [409, 412],
  }),
];
