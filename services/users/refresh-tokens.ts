// Refresh tokens. The first of a login is random; each one after it is computed from the one before with a key of the
// installation, so that a refresh whose answer got lost gives the same token again although no token is ever stored.
//
//   sr1.<account>.<login>.<secret>        stored: SHA-256 of the secret        next secret: HMAC(key, secret)
//
// Neither the database nor the key is enough to make one: that takes a token of the same login.

import { createHmac, hash, randomBytes, randomUUID } from 'node:crypto';

/** A token taken apart. */
export interface RefreshToken {
  readonly userId: string;
  readonly sessionId: string;
  readonly secret: string;
}

const SECRET_BYTES = 32;
const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const TOKEN = new RegExp(`^sr1\\.(${UUID})\\.(${UUID})\\.([\\w-]{43})$`);

/** The first token of a new login. */
export function firstToken(userId: string): RefreshToken {
  return { userId, sessionId: randomUUID(), secret: randomBytes(SECRET_BYTES).toString('base64url') };
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
