import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { createAllowances, policies } from './allowances.ts';
import { route } from './route.ts';

const from = (remoteAddress: string) => ({ socket: { remoteAddress } }) as IncomingMessage;
const list = route('GET /x', { action: 'x.x', summary: '', who: 'customer' });
const login = { ...list, allowance: 'credentials' as const };
const probe = { ...list, allowance: 'none' as const };
const ada = { kind: 'user', id: 'u-1', role: 'customer' } as const;

describe('allowances', () => {
  it('tell what is left, refuse what is too much, and come back with time', () => {
    let now = 0;
    const allowances = createAllowances('on', () => now);
    const take = () => allowances.ofAddress(login, from('192.0.2.1'));
    expect(take()).toEqual({ 'RateLimit-Policy': '"credentials";q=20;w=60', RateLimit: '"credentials";r=19;t=3' });
    for (let i = 1; i < policies.credentials.quota; i++) take();
    expect(take).toThrow(
      expect.objectContaining({
        type: 'too-many-requests',
        data: expect.objectContaining({ retryAfterSeconds: 3 }) as unknown,
      }),
    );
    now += 3_000;
    expect(take()).toBeDefined();
    expect(take).toThrow('at most');
  });

  it('are counted per address, per account, and for logins apart', () => {
    const allowances = createAllowances('on', () => 0);
    for (let i = 0; i < policies.credentials.quota; i++) allowances.ofAddress(login, from('192.0.2.1'));
    expect(() => allowances.ofAddress(login, from('192.0.2.1'))).toThrow('at most');
    expect(allowances.ofAddress(login, from('192.0.2.2'))).toBeDefined();
    expect(allowances.ofAddress(list, from('192.0.2.1'))).toBeDefined();
    for (let i = 0; i < policies.account.quota; i++) allowances.ofAccount(list, from(`192.0.2.${i}`), ada);
    expect(() => allowances.ofAccount(list, from('192.0.2.9'), ada)).toThrow('at most');
    expect(allowances.ofAccount(list, from('192.0.2.9'), { ...ada, id: 'u-2' })).toBeDefined();
    expect(allowances.ofAccount(list, from('192.0.2.9'), { kind: 'guest' })).toBeUndefined();
  });

  it.each([
    ['on', '127.0.0.1', true],
    ['off', '192.0.2.1', false],
    ['default', '192.0.2.1', true],
    ['default', '127.0.0.1', false],
    ['default', '::1', false],
    ['default', '::ffff:127.0.0.1', false],
  ] as const)('%s: callers from %s are counted: %s', (setting, address, counted) => {
    expect(createAllowances(setting).ofAddress(list, from(address)) !== undefined).toBe(counted);
  });

  it('are not used up by probes', () => {
    expect(createAllowances('on').ofAddress(probe, from('192.0.2.1'))).toBeUndefined();
  });
});
