// Contexts and their roles: each context has a schema of its name, owned by a role that may do nothing elsewhere.
//
//   orders ──► role souk_orders ──► schema orders          (ADR 24; `prepare.ts` makes them)
//
// The embedded mode signs in as the administrator instead; a cluster's nodes sign in as the role of the context.

import { hostInUrl } from '../http-url.ts';
import type { DatabaseSettings } from '../settings.ts';

/** Contexts that keep what they own in PostgreSQL; the name of each is the name of its schema. */
export const contexts = [
  'activity',
  'analytics',
  'inventory',
  'notifications',
  'orders',
  'payments',
  'products',
  'users',
] as const;

export type Context = (typeof contexts)[number];

/** Whether a schema is that of a context (that of the embedded log, `log`, is not: only the embedded mode has it). */
export function isContext(schema: string): schema is Context {
  return (contexts as readonly string[]).includes(schema);
}

/** The role that owns the schema of a context. */
export function roleOf(context: Context): string {
  return `souk_${context}`;
}

/** The extensions whose functions a context uses. They are the administrator's to install, in the schema `public`. */
export const extensionsOf: { readonly [context in Context]?: readonly string[] } = { products: ['pg_trgm'] };

/** Who may read some of what contexts own, and write nothing (ADR 30): no context, it owns no schema. */
export const PROBE = 'probe';
export const PROBE_ROLE = 'souk_probe';

/** Whoever has a role of its own. */
export type Holder = Context | typeof PROBE;

/** The name of the key of an installation whose hexadecimal digits are the password of a role. */
export function databaseKey(holder: Holder): string {
  return `database-${holder}`;
}

/**
 * Where a context is found, signing in as its role. User and password of the settings are the administrator's.
 * @param passwordOf the password of the role, as `prepareContexts` was given it
 */
export function contextUrl(database: DatabaseSettings, context: Context, passwordOf: () => string): string {
  return databaseUrl(database, roleOf(context), passwordOf());
}

/** Where the probe reads, signing in as its role. */
export function probeUrl(database: DatabaseSettings, passwordOf: () => string): string {
  return databaseUrl(database, PROBE_ROLE, passwordOf());
}

/** The URL of a database; a host that begins with `/` is the folder of a local socket. */
export function databaseUrl({ host = '127.0.0.1', port, name }: DatabaseSettings, user: string, password: string) {
  const isSocket = host.startsWith('/');
  const address = isSocket ? 'localhost' : hostInUrl(host);
  const [who, secret, database] = [user, password, name].map(encodeURIComponent);
  const url = `postgres://${who}:${secret}@${address}:${port}/${database}`;
  return isSocket ? `${url}?host=${encodeURIComponent(host)}` : url;
}

/** The same database for somebody else. */
export function signedInAs(url: string, user: string, password: string): string {
  const other = new URL(url);
  // An address whose host stands in its options has none in front, and could hold no user.
  if (other.hostname === '') other.hostname = 'localhost';
  other.username = encodeURIComponent(user);
  other.password = encodeURIComponent(password);
  return other.href;
}
