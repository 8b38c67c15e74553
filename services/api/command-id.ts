// The name of what a request wants done, minted before the first attempt: a retry on any node, a repeated key and a
// repeated message are the same command. With an Idempotency-Key it is a hash of who asks for what under which key;
// without one it is random, in the order of time (random ids cost a database more).

import { createHmac, hash, type KeyObject, randomFillSync } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../../brokers/problem.ts';
import type { Principal } from '../../mixins/caller.ts';
import { derivedId } from '../../mixins/ids.ts';
import type { Route } from './route.ts';

type Params = Readonly<Record<string, unknown>>;

/**
 * The Idempotency-Key of a request to a route that takes one.
 * @throws Problem `invalid-request` if it is not 1–128 visible ASCII characters.
 */
export function keyOf({ idempotent }: Route, headers: IncomingHttpHeaders): string | undefined {
  const key = headers['idempotency-key'];
  if (!idempotent || key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,128}$/.test(key)) return key;
  const detail = 'an Idempotency-Key is 1 to 128 visible ASCII characters';
  throw new Problem('invalid-request', detail, [{ pointer: 'Idempotency-Key', code: 'wrong-format', detail }]);
}

/** The command id of a keyed request: no two callers and no two calls share one. */
export function commandIdOf(principal: Principal, { method, path }: Route, params: Params, key: string): string {
  return derivedId('command', scopeOf(principal), method, path, JSON.stringify(params), key);
}

function scopeOf(principal: Principal): string {
  switch (principal.kind) {
    case 'user':
      return `user:${principal.id}`;
    case 'order':
      return `order:${principal.orderId}`;
    // The token is a secret; ids are not.
    case 'cart':
      return `cart:${hash('sha256', principal.token)}`;
    default:
      return 'guest';
  }
}

/**
 * A mark of everything a keyed request says: equal for a repeat, however its JSON is laid out. It is keyed, because it is
 * stored, and bodies hold passwords: from a plain hash they could be guessed.
 */
export function fingerprintOf(key: KeyObject, { method, path }: Route, params: Params, body: unknown): string {
  const said = `${method} ${path} ${JSON.stringify(params)} ${canonical(body)}`;
  return createHmac('sha256', key).update(said).digest('base64url');
}

/** JSON with the members of every object in order. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? '';
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical((value as Params)[name])}`).join()}}`;
}

const pool = { bytes: Buffer.alloc(16 * 256), used: 16 * 256 };

/** A random UUID in the order of time (version 7, RFC 9562). */
export function randomCommandId(now: number = Date.now()): string {
  if (pool.used === pool.bytes.length) {
    randomFillSync(pool.bytes);
    pool.used = 0;
  }
  const id = pool.bytes.subarray(pool.used, (pool.used += 16));
  id.writeUIntBE(now, 0, 6);
  id[6] = ((id[6] as number) & 0x0f) | 0x70;
  id[8] = ((id[8] as number) & 0x3f) | 0x80;
  const hex = id.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
