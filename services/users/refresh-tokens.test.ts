import { describe, expect, it } from '@jest/globals';
import { firstToken, hashOf, nextToken, readToken, writeToken } from './refresh-tokens.ts';

const USER = '0b9f3a52-1a2b-8c3d-a4e5-0123456789ab';
const KEY = Buffer.alloc(32, 1);
const COMMAND = '0197a3f0-0000-7000-8000-000000000001';
const HASH = '$argon2id$v=19$m=19456,t=2,p=1$salt$hash';
const first = (key = KEY, userId = USER, commandId = COMMAND, passwordHash = HASH) =>
  firstToken(key, userId, commandId, passwordHash);

describe('a refresh token', () => {
  it('is read as it was written', () => {
    const token = first();
    expect(readToken(writeToken(token))).toEqual(token);
  });

  it('follows at first from the command that opens the login: one for each account, command and password', () => {
    expect(first()).toEqual(first());
    const others = [
      first(Buffer.alloc(32, 2)),
      first(KEY, '0b9f3a52-1a2b-8c3d-a4e5-0123456789ac'),
      first(KEY, USER, '0197a3f0-0000-7000-8000-000000000002'),
      first(KEY, USER, COMMAND, `${HASH}2`),
    ];
    expect(new Set([first(), ...others].map(({ secret }) => secret)).size).toBe(5);
    // A login is named by account and command alone: the same request has no two, whatever becomes of the password.
    expect(new Set([first(), ...others].map(({ sessionId }) => sessionId)).size).toBe(3);
    expect(readToken(writeToken(first()))).toEqual(first());
  });

  it('follows from the one before after that', () => {
    const token = first();
    expect(nextToken(KEY, token)).toEqual(nextToken(KEY, token));
    expect(nextToken(KEY, token)).toMatchObject({ userId: USER, sessionId: token.sessionId });
    expect(nextToken(KEY, token).secret).not.toBe(token.secret);
    expect(nextToken(Buffer.alloc(32, 2), token).secret).not.toBe(nextToken(KEY, token).secret);
    expect(readToken(writeToken(nextToken(KEY, token)))).toBeDefined();
  });

  it('is kept as a hash that does not give it away', () => {
    const token = first();
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
