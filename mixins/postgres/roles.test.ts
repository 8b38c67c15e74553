import { describe, expect, it } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { contexts, contextUrl, databaseUrl, isContext, roleOf, signedInAs } from './roles.ts';

const ROOT = new URL('../../', import.meta.url);
const elsewhere = { host: 'db.example', port: 5433, name: 'shop', user: undefined, password: undefined };
describe('the list of contexts', () => {
  // The compiler sees to it that a service opens only what is listed; that what is listed is opened is seen here.
  it('is what services open', () => {
    const sources = globSync('services/**/*.ts', { cwd: ROOT }).filter((path) => !/\.(test|testing)\.ts$/.test(path));
    const texts = sources.map((path) => readFileSync(new URL(path, ROOT), 'utf8'));
    const opened = texts.flatMap((text) =>
      [...text.matchAll(/\.database\(\{\s*schema: '(\w+)'/g)].map(([, name = '']) => name),
    );
    const calls = texts.flatMap((text) => text.match(/\.database\(/g) ?? []);
    expect(opened.toSorted()).toEqual([...contexts]);
    expect(calls).toHaveLength(contexts.length);
  });

  it('is what has migrations', () => {
    const folders = globSync('services/*/migrations', { cwd: ROOT }).map((path) => path.split('/')[1] ?? '');
    expect(folders.toSorted()).toEqual([...contexts]);
  });

  it('holds names that can stand in a statement, and not the log', () => {
    for (const context of contexts) expect(roleOf(context)).toMatch(/^souk_[a-z]+$/);
    expect([isContext('orders'), isContext('log')]).toEqual([true, false]);
  });
});

describe('the address of a context', () => {
  it('signs in as its role, whoever the administrator is', () => {
    const settings = { ...elsewhere, user: 'ops', password: 'hidden' };
    expect(contextUrl(settings, 'orders', () => 'c0ffee')).toBe('postgres://souk_orders:c0ffee@db.example:5433/shop');
  });

  it('holds any name and password', () => {
    expect(databaseUrl(elsewhere, 'ops', 'p@ss/word')).toBe('postgres://ops:p%40ss%2Fword@db.example:5433/shop');
  });

  it('names the folder of a local socket', () => {
    const url = new URL(databaseUrl({ ...elsewhere, host: '/data/my shop' }, 'souk', 'x'));
    expect([url.searchParams.get('host'), url.port, url.pathname]).toEqual(['/data/my shop', '5433', '/shop']);
  });

  it('takes an IPv6 address', () => {
    expect(new URL(databaseUrl({ ...elsewhere, host: '::1' }, 'souk', 'x')).hostname).toBe('[::1]');
  });

  it('stays the same for another user', () => {
    const socket = databaseUrl({ ...elsewhere, host: '/data' }, 'souk', 'x');
    expect(signedInAs(socket, 'souk_users', 'y')).toBe(databaseUrl({ ...elsewhere, host: '/data' }, 'souk_users', 'y'));
    const options = signedInAs('postgres:///shop?host=/data', 'souk_users', 'y');
    expect(options).toBe('postgres://souk_users:y@localhost/shop?host=/data');
  });
});
