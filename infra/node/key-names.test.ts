// Which keys a service needs is said twice: by its code, and by the list that prepares a cluster. Both say the same.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { contexts, databaseKey, PROBE } from '../../mixins/postgres/roles.ts';
import { services } from '../../services/services.ts';
import { allKeys, keysOf } from './key-names.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const namedIn = (code: string) => [...code.matchAll(/\bsecret\('([^']+)'\)/g)].map(([, name = '']) => name);

/** The programs of a service, its tests apart. */
const codeOf = (service: string) =>
  globSync(`services/${service}/**/*.ts`, { cwd: ROOT })
    .filter((path) => !/\.(test|testing|fixture)\.ts$/.test(path))
    .map(read)
    .join('\n');

const names = services.map(({ name }) => name.replace(/Service$/, ''));
const tokens = namedIn(read('mixins/tokens.ts'));
const platform = namedIn(read('infra/node/platform.ts'));
const probe = [databaseKey(PROBE), ...namedIn(read('infra/node/probe-sources.ts'))];

function namedBy(service: string): readonly string[] {
  const code = codeOf(service);
  const needed = [
    ...namedIn(code),
    ...(/\bcreateTokens\(platform\)/.test(code) ? tokens : []),
    ...(/\bplatform\.provider\(\)/.test(code) ? platform : []),
    ...(/\bprobe \}: Platform\b|\bplatform\.probe\b/.test(code) ? probe : []),
    ...contexts.filter((context) => context === service).map(databaseKey),
  ];
  return [...new Set(needed)].toSorted();
}

describe('the keys of an installation', () => {
  it('are found in the code at all', () => {
    expect([tokens.length, platform.length, probe.length]).toEqual([3, 2, 2]);
  });

  it.each(names)('are for %s those that its code names', (service) => {
    expect(keysOf([service])).toEqual(namedBy(service));
  });

  it.each(probe)('give %s, which opens what no other service may see, to the probe alone', (name) => {
    expect(names.filter((service) => keysOf([service]).includes(name))).toEqual(['probe']);
  });

  it('are all of those of any service', () => {
    expect(allKeys).toEqual(keysOf(names));
  });
});
