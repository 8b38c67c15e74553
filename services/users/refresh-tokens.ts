// Refresh tokens. The first of a login is computed from the request that opened it, each one after it from the one before,
// with a key of the installation: so a request whose answer got lost gives the same token again, and no token is stored.
//
//   sr1.<account>.<login>.<secret>        stored: SHA-256 of the secret
//
//   first secret: HMAC(key, account, command id, password hash)        next secret: HMAC(key, secret)
//
// Neither the database nor the key alone is enough to make one: password hashes are salted, and leave the database nowhere.

import { createHmac, hash } from 'node:crypto';
import { derivedId } from '../../mixins/ids.ts';

/** A token taken apart. */
export interface RefreshToken {
  readonly userId: string;
  readonly sessionId: string;
  readonly secret: string;
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const TOKEN = new RegExp(`^sr1\\.(${UUID})\\.(${UUID})\\.([\\w-]{43})$`);

/** The first token of the login that a command opens; the same for each repeat, as long as the password is the same. */
export function firstToken(key: Buffer, userId: string, commandId: string, passwordHash: string): RefreshToken {
  const named = JSON.stringify(['login', userId, commandId, passwordHash]);
  const secret = createHmac('sha256', key).update(named).digest('base64url');
  return { userId, sessionId: derivedId('login', userId, commandId), secret };
}

/** The token that replaces this one; the same for each repeat. */
export function nextToken(key: Buffer, token: RefreshToken): RefreshToken {
  return { ...token, secret: createHmac('sha256', key).update(token.secret).digest('base64url') };
}

/** The token as callers hold it. */
export function writeToken({ userId, sessionId, secret }: RefreshToken): string {
  return `sr1.${userId}.${sessionId}.${secret}`;
}

/** Undefined if it is not a token of ours. Whether it is (still) good, the account knows. */
export function readToken(text: string): RefreshToken | undefined {
  const [, userId, sessionId, secret] = TOKEN.exec(text) ?? [];
  return userId === undefined || sessionId === undefined || secret === undefined
    ? undefined
    : { userId, sessionId, secret };
}

/** What the account keeps of a token. */
export function hashOf({ secret }: RefreshToken): string {
  return hash('sha256', secret, 'base64url');
}
