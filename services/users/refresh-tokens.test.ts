import { describe, expect, it } from '@jest/globals';
import { firstToken, hashOf, nextToken, readToken, writeToken } from './refresh-tokens.ts';

const USER = '0b9f3a52-1a2b-8c3d-a4e5-0123456789ab';
const KEY = Buffer.alloc(32, 1);

describe('a refresh token', () => {
  it('is read as it was written', () => {
    const token = firstToken(USER);
    expect(readToken(writeToken(token))).toEqual(token);
  });

  it('is random at first, and follows from the one before after that', () => {
    const token = firstToken(USER);
    expect(firstToken(USER).secret).not.toBe(token.secret);
    expect(nextToken(KEY, token)).toEqual(nextToken(KEY, token));
    expect(nextToken(KEY, token)).toMatchObject({ userId: USER, sessionId: token.sessionId });
    expect(nextToken(KEY, token).secret).not.toBe(token.secret);
    expect(nextToken(Buffer.alloc(32, 2), token).secret).not.toBe(nextToken(KEY, token).secret);
    expect(readToken(writeToken(nextToken(KEY, token)))).toBeDefined();
  });

  it('is kept as a hash that does not give it away', () => {
    const token = firstToken(USER);
    expect(hashOf(token)).toMatch(/^[\w-]{43}$/);
    expect(hashOf(token)).not.toBe(token.secret);
    expect(hashOf(token)).toBe(hashOf({ ...token }));
  });

  it.each([
    '',
    'sr1',
    'sr1.a.b.c',
    `sr1.${USER}.constructor.${'x'.repeat(43)}`,
    `sr2.${USER}.${USER}.${'x'.repeat(43)}`,
  ])('of another make is none: %s', (text) => {
    expect(readToken(text)).toBeUndefined();
  });
});
