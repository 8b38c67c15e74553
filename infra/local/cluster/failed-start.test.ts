// A cluster that could not be started leaves nothing behind.
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startTestCluster, until } from './cluster.fixture.ts';

/** Empty folders of clusters: one that others are starting just now is filled soon. */
const empty = (): ReadonlySet<string> =>
  new Set(
    readdirSync(tmpdir()).filter((name) => {
      try {
        return name.startsWith('souk-cluster-') && readdirSync(join(tmpdir(), name)).length === 0;
      } catch {
        return false; // its owner took it away meanwhile
      }
    }),
  );

it('has no folder any more, whatever it failed of', async () => {
  const before = empty();
  await expect(startTestCluster({ nodes: 'nonsense' })).rejects.toThrow(/nonsense/);
  await until('nothing is left', () => empty().isSubsetOf(before));
  expect(empty().isSubsetOf(before)).toBe(true);
});
