import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { base64url, SignJWT } from 'jose';
import { ACCESS_TOKEN_SECONDS, createTokens, ORDER_TOKEN_MS, REMEMBERED_TOKENS_MAX } from './tokens.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const installation = (name: string) => ({
  secret: (key: string) => createHash('sha256').update(`${name}/${key}`).digest(),
});
const at = (ms: number, name = 'this shop') => createTokens(installation(name), () => ms);
const ada = { userId: 'u-1', role: 'staff' } as const;

describe('an access token', () => {
  it('says who its bearer is, on every node and after a restart', async () => {
    const token = await at(NOW).signAccessToken(ada);
    expect(await at(NOW + 1_000).verifyAccessToken(token)).toEqual(ada);
  });

  it('says to which login it belongs', async () => {
    const token = await at(NOW).signAccessToken({ ...ada, sessionId: 's-1' });
    expect(await at(NOW).verifyAccessToken(token)).toEqual({ ...ada, sessionId: 's-1' });
  });

  it('lives fifteen minutes, also where it is remembered', async () => {
    let now = NOW;
    const tokens = createTokens(installation('this shop'), () => now);
    const token = await tokens.signAccessToken(ada);
    now += (ACCESS_TOKEN_SECONDS - 1) * 1_000;
    expect(await tokens.verifyAccessToken(token)).toEqual(ada);
    now += 7_000;
    await expect(tokens.verifyAccessToken(token)).rejects.toMatchObject({ type: 'token-expired', code: 401 });
  });

  it('of another installation is refused', async () => {
    const token = await at(NOW, 'another shop').signAccessToken(ada);
    await expect(at(NOW).verifyAccessToken(token)).rejects.toMatchObject({ type: 'unauthenticated' });
  });

  it.each<[string, (parts: string[]) => string]>([
    [
      'with another payload',
      ([h, , s]) => `${h}.${base64url.encode(JSON.stringify({ sub: 'u-1', role: 'admin', exp: 9e9 }))}.${s}`,
    ],
    ['without a signature', ([h, p]) => `${h}.${p}.`],
    ['with the algorithm none', ([, p]) => `${base64url.encode('{"alg":"none","typ":"at+jwt"}')}.${p}.`],
    ['that is no token', () => 'hello'],
    ['that is endless', () => 'a'.repeat(100_000)],
  ])('%s is refused', async (_, forge) => {
    const token = await at(NOW).signAccessToken(ada);
    await expect(at(NOW).verifyAccessToken(forge(token.split('.')))).rejects.toMatchObject({ type: 'unauthenticated' });
  });

  it('signed with the public key as a shared secret is refused', async () => {
    const token = await new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
      .setSubject('u-1')
      .setIssuer('souk')
      .setAudience('souk-api')
      .setIssuedAt(NOW / 1_000)
      .setNotBefore(NOW / 1_000)
      .setExpirationTime(NOW / 1_000 + 60)
      .sign(installation('this shop').secret('access-tokens'));
    await expect(at(NOW).verifyAccessToken(token)).rejects.toMatchObject({ type: 'unauthenticated' });
  });

  it('is good at once at nodes whose clocks are minutes behind that of the node that signed it', async () => {
    const token = await at(NOW + 600_000).signAccessToken(ada);
    expect(await at(NOW).verifyAccessToken(token)).toEqual(ada);
  });

  it('from the future is refused', async () => {
    const token = await at(NOW + 1_000_000).signAccessToken(ada);
    await expect(at(NOW).verifyAccessToken(token)).rejects.toMatchObject({ type: 'unauthenticated' });
  });

  it('is remembered within bounds', async () => {
    expect(REMEMBERED_TOKENS_MAX).toBeLessThanOrEqual(100_000);
    const tokens = at(NOW);
    const token = await tokens.signAccessToken(ada);
    expect(await tokens.verifyAccessToken(token)).toBe(await tokens.verifyAccessToken(token));
  });
});

describe("an order's token", () => {
  const token = at(NOW).orderToken('o-1', NOW);

  it('is the same whenever it is asked for', () => {
    expect(at(NOW + 3_600_000).orderToken('o-1', NOW)).toBe(token);
  });
  it('opens that order for ninety days', () => {
    expect(at(NOW + ORDER_TOKEN_MS - 1_000).verifyOrderToken(token)).toBe('o-1');
    expect(() => at(NOW + ORDER_TOKEN_MS).verifyOrderToken(token)).toThrow(
      expect.objectContaining({ type: 'token-expired' }),
    );
  });
  it.each([
    ['another order', token.replace('o-1', 'o-2')],
    ['a later end', token.replace(/\d{9,}/, '9999999999')],
    ['another spelling of its last character', `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`],
    ['a longer mac', `${token}A`],
    ['nothing', 'so1...'],
  ])('does not open it with %s', (_, forged) => {
    expect(() => at(NOW).verifyOrderToken(forged)).toThrow(expect.objectContaining({ type: 'unauthenticated' }));
  });
  it('of another installation is refused', () => {
    expect(() => at(NOW, 'another shop').verifyOrderToken(token)).toThrow(
      expect.objectContaining({ type: 'unauthenticated' }),
    );
  });
});

describe("a cart's token", () => {
  const token = at(NOW).cartToken('c-1');

  it('opens that cart', () => expect(at(NOW).verifyCartToken(token)).toBe('c-1'));
  it.each([
    [token.replace('c-1', 'c-2')],
    [''],
    ['sc1.c-1.'],
    [at(NOW).orderToken('c-1', NOW)],
    [at(NOW, 'another shop').cartToken('c-1')],
  ])('is not %s', (forged) => expect(at(NOW).verifyCartToken(forged)).toBeUndefined());
});
