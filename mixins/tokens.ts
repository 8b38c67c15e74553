// The shop's bearer tokens, all derived from keys of this installation, none of them stored.
//
//   access token   JWT (EdDSA, 15 minutes): who a signed-in caller is, and in which role
//   order token    so1.<orderId>.<expiry>.<mac>: lets a guest see the one order it was answered with, for 90 days
//   cart token     sc1.<cartId>.<mac>: lets a guest use the one cart it was answered with
//
// Order and cart tokens are pure functions of the key and what they name, so that a repeated request answers the same.

import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import type { Role } from '../actors/user.ts';
import { Problem } from '../brokers/problem.ts';

/** What an access token says of its bearer. */
export interface Account {
  readonly userId: string;
  readonly role: Role;
  /** The login that the token belongs to. */
  readonly sessionId?: string;
}

export interface Tokens {
  signAccessToken(account: Account, ttlSeconds?: number): Promise<string>;
  /** @throws Problem `token-expired`, or `unauthenticated` for everything else that is wrong with the token. */
  verifyAccessToken(token: string): Promise<Account>;
  /** The token of a guest's order; `createdAt` is the order's, in ms since 1970, so that a repeat gives the same token. */
  orderToken(orderId: string, createdAt: number): string;
  /**
   * The order that the token opens.
   * @throws Problem `token-expired` or `unauthenticated`.
   */
  verifyOrderToken(token: string): string;
  cartToken(cartId: string): string;
  /** The cart that the token opens; undefined if it is not a token of ours. */
  verifyCartToken(token: string): string | undefined;
}

/** Life of an access token, in seconds: the `expiresIn` of a login's answer. */
export const ACCESS_TOKEN_SECONDS = 15 * 60;
/** Life of a guest order's token, in milliseconds. */
export const ORDER_TOKEN_MS = 90 * 24 * 3_600_000;
/** Longest token that is looked at. */
const TOKEN_LENGTH_MAX = 2_048;
/** Verified access tokens that are remembered, so that a busy account costs one signature check per token. */
export const REMEMBERED_TOKENS_MAX = 10_000;

const ALGORITHM = 'EdDSA';
const TYPE = 'at+jwt';
const ISSUER = 'souk';
const AUDIENCE = 'souk-api';
const CLOCK_TOLERANCE_S = 5;
/**
 * How far the clock of the node that signs may be ahead of others', in seconds: a token is good from so long before it was
 * signed, which takes nothing from anybody, because nobody had it then. Its end is not moved.
 */
const AHEAD_S = 15 * 60;

const orderTokenPattern = /^so1\.(.{1,128})\.(\d{1,12})\.([\w-]{43})$/;
const cartTokenPattern = /^sc1\.(.{1,128})\.([\w-]{43})$/;

/** Whether a bearer token claims to be a guest order's (it still has to be verified). */
export function isOrderToken(token: string): boolean {
  return token.startsWith('so1.');
}

/** Makes and checks the tokens of this installation; `now` gives ms since 1970. */
export function createTokens(keys: { secret(name: string): Buffer }, now: () => number = Date.now): Tokens {
  const signingKey = ed25519(keys.secret('access-tokens'));
  const publicKey = createPublicKey(signingKey);
  // As key objects: made into one for each token, a key costs more than the token does.
  const orderKey = createSecretKey(keys.secret('order-tokens'));
  const cartKey = createSecretKey(keys.secret('cart-tokens'));
  const remembered = new Map<string, { readonly account: Account; readonly expiresAt: number }>();

  async function verify(token: string): Promise<Account> {
    const { payload } = await jwtVerify(token, publicKey, {
      algorithms: [ALGORITHM],
      typ: TYPE,
      issuer: ISSUER,
      audience: AUDIENCE,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['sub', 'iat', 'nbf', 'exp'],
      currentDate: new Date(now()),
    });
    const { sub, role, exp, sid } = payload;
    if (sub === undefined || exp === undefined || !isRole(role)) throw new errors.JWTInvalid('no account in it');
    const account: Account = { userId: sub, role, ...(typeof sid === 'string' ? { sessionId: sid } : {}) };
    if (remembered.size >= REMEMBERED_TOKENS_MAX) forgetOldest(remembered);
    remembered.set(token, { account, expiresAt: exp * 1_000 });
    return account;
  }

  return {
    signAccessToken({ userId, role, sessionId }, ttlSeconds = ACCESS_TOKEN_SECONDS) {
      const issuedAt = Math.floor(now() / 1_000);
      return new SignJWT({ role, ...(sessionId === undefined ? {} : { sid: sessionId }) })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE })
        .setSubject(userId)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt - AHEAD_S)
        .setExpirationTime(issuedAt + ttlSeconds)
        .sign(signingKey);
    },

    async verifyAccessToken(token) {
      const known = remembered.get(token);
      if (known !== undefined && known.expiresAt > now()) return known.account;
      remembered.delete(token);
      if (token.length > TOKEN_LENGTH_MAX) throw unacceptable();
      try {
        return await verify(token);
      } catch (error) {
        if (error instanceof errors.JWTExpired) throw expired();
        // Why exactly a token is refused helps whoever forges one, and nobody else.
        if (error instanceof errors.JOSEError) throw unacceptable();
        throw error;
      }
    },

    orderToken(orderId, createdAt) {
      const named = `so1.${orderId}.${Math.floor((createdAt + ORDER_TOKEN_MS) / 1_000)}`;
      return `${named}.${mac(orderKey, named).toString('base64url')}`;
    },
    verifyOrderToken(token) {
      const [, orderId, expiry, sum] = (token.length > TOKEN_LENGTH_MAX ? null : orderTokenPattern.exec(token)) ?? [];
      if (orderId === undefined || expiry === undefined || sum === undefined) throw unacceptable();
      if (!isMac(orderKey, `so1.${orderId}.${expiry}`, sum)) throw unacceptable();
      if (Number(expiry) * 1_000 <= now()) throw expired();
      return orderId;
    },

    cartToken(cartId) {
      return `sc1.${cartId}.${mac(cartKey, `sc1.${cartId}`).toString('base64url')}`;
    },
    verifyCartToken(token) {
      const [, cartId, sum] = (token.length > TOKEN_LENGTH_MAX ? null : cartTokenPattern.exec(token)) ?? [];
      if (cartId === undefined || sum === undefined || !isMac(cartKey, `sc1.${cartId}`, sum)) return undefined;
      return cartId;
    },
  };
}

/** The Ed25519 private key of a 32-byte seed: RFC 8410 wraps it in sixteen constant bytes. */
function ed25519(seed: Buffer): KeyObject {
  const bytes = seed.length === 32 ? seed : createHash('sha256').update(seed).digest();
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function mac(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function isMac(key: KeyObject, text: string, sum: string): boolean {
  const given = Buffer.from(sum, 'base64url');
  // The last character of a base64url text has spare bits: only the canonical spelling is a token.
  return given.length === 32 && given.toString('base64url') === sum && timingSafeEqual(mac(key, text), given);
}

function isRole(role: unknown): role is Role {
  return role === 'customer' || role === 'staff' || role === 'admin';
}

function forgetOldest(remembered: Map<string, unknown>): void {
  for (const token of remembered.keys()) {
    remembered.delete(token);
    return;
  }
}

function unacceptable(): Problem {
  return new Problem('unauthenticated', 'the bearer token is not one that this shop accepts');
}

function expired(): Problem {
  return new Problem('token-expired', 'the bearer token has expired: refresh it, or log in again');
}
