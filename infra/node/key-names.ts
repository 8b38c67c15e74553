// The keys of an installation by name: which service needs which. Whoever prepares a cluster makes them all, before the first
// node starts (`npm run cluster`, `npm run migrate`); nodes only read them. The embedded mode makes its own as it goes.

import { contexts, databaseKey, isContext, PROBE } from '../../mixins/postgres/roles.ts';

/** What tokens are signed with. */
const tokens = ['access-tokens', 'order-tokens', 'cart-tokens'] as const;
/** What shop and provider share. */
const provider = ['provider-api-key', 'provider-webhooks'] as const;

/** The keys of each service, the password of its role apart. */
const ofService: Readonly<Record<string, readonly string[]>> = {
  api: [...tokens, 'fingerprints'],
  users: [...tokens, 'cursors', 'refresh-tokens', 'user-ids'],
  products: ['cursors'],
  carts: [...tokens],
  orders: [...tokens, 'cursors', 'payment-tokens'],
  payments: ['payment-tokens', ...provider],
  probe: [databaseKey(PROBE), 'provider-listing-key'],
};

/** The names of the keys that these services need. */
export function keysOf(services: readonly string[]): readonly string[] {
  const names = services.flatMap((service) => [
    ...(ofService[service] ?? []),
    ...(isContext(service) ? [databaseKey(service)] : []),
  ]);
  return [...new Set(names)].toSorted();
}

/** The names of all keys of an installation. */
export const allKeys: readonly string[] = keysOf([...Object.keys(ofService), ...contexts]);
