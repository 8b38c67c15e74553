// A node of the cluster that can be told to end at a boundary of the saga, and whose clock can be wrong: the program of
// every node in a campaign (`programOf` of startCluster). The production files know nothing of it: two of their imports
// lead to modules that put something between the ports.
//
//   mixins/hosts.mixin.ts ──createHost──► crashing-host.ts ─► mixins/host.ts
//   infra/node/node.ts ──nodePlatform──► crashing-platform.ts ─► infra/node/platform.ts

import { registerHooks } from 'node:module';

/** What is imported by whom, and what it gets instead. */
const between = [
  { by: '/mixins/hosts.mixin.ts', what: '/mixins/host.ts', instead: './crashing-host.ts' },
  { by: '/infra/node/node.ts', what: '/infra/node/platform.ts', instead: './crashing-platform.ts' },
];

const used = new Set<string>();

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const way = between.find(({ by, what }) => found.url.endsWith(what) && context.parentURL?.endsWith(by) === true);
    if (way === undefined) return found;
    used.add(way.instead);
    return { ...found, url: new URL(way.instead, import.meta.url).href };
  },
});
await import('./skewed-node.ts');

const unused = between.filter(({ instead }) => !used.has(instead));
if (unused.length > 0) {
  for (const { by, what } of unused) console.error(`crashing-node.ts: ${by} does not import ${what} any more.`);
  process.exit(1);
}
