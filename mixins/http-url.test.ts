import { expect, it } from '@jest/globals';
import { httpUrl } from './http-url.ts';

it.each(['127.0.0.1', 'shop.example.org', '0.0.0.0'])('writes %s as it is', (host) => {
  expect(httpUrl(host, 3000)).toBe(`http://${host}:3000`);
});

it.each(['::1', '::', 'fe80::1'])('puts the IPv6 address %s in brackets', (host) => {
  expect(httpUrl(host, 3000)).toBe(`http://[${host}]:3000`);
  expect(new URL(httpUrl(host, 3000)).port).toBe('3000');
});
