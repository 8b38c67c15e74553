// What a command for a product looks like on the wire: a JSON Schema of the data of each. A delivery that fits none is
// parked by the host; it never reaches the rules.

import {
  CATEGORY_LENGTH_MAX,
  DESCRIPTION_LENGTH_MAX,
  NAME_LENGTH_MAX,
  OPENING_STOCK_MAX,
  type ProductCommand,
  SKU_LENGTH_MAX,
} from '../../actors/product.ts';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });

const facts = {
  name: text(NAME_LENGTH_MAX),
  description: text(DESCRIPTION_LENGTH_MAX),
  category: text(CATEGORY_LENGTH_MAX),
  unitPrice: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  currency: { type: 'string', pattern: '^[A-Z]{3}$' },
};
const birth = {
  sku: text(SKU_LENGTH_MAX),
  partition: text(64),
  stock: { type: 'integer', minimum: 0, maximum: OPENING_STOCK_MAX },
  origin: text(128),
};
const revision = { type: 'integer', minimum: 1 };

const object = (properties: Readonly<Record<string, object>>, required: readonly string[]) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const newProduct = (...more: readonly string[]) =>
  object({ ...facts, ...birth }, ['name', 'unitPrice', 'sku', 'partition', 'stock', 'origin', ...more]);

const orNull = (schema: object) => ({ anyOf: [schema, { type: 'null' }] });
const changes = object({ ...facts, description: orNull(facts.description), category: orNull(facts.category) }, []);

/** JSON Schema of the data of each command for a product. */
export const productCommands: Readonly<Record<ProductCommand['type'], object>> = {
  Create: newProduct('currency'),
  Edit: object({ changes, revision }, ['changes']),
  Delete: object({ revision }, []),
  Import: newProduct(),
};
