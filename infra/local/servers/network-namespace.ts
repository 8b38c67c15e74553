// A place of its own on the network for a server that listens on all addresses: in a network namespace of Linux, "all
// addresses" are those of that namespace, which nobody outside reaches.

import { spawnSync } from 'node:child_process';

const ASK_MS = 5_000;

/** The words that run a program in a new network namespace, or why there is none. */
export type Namespace =
  | { readonly permitted: true; readonly enter: readonly string[] }
  | { readonly permitted: false; readonly why: string };

/** As root, or as an ordinary user who becomes the root of a world of his own, where the system lets him. */
const WAYS = [
  ['unshare', '--net', '--'],
  ['unshare', '--user', '--map-root-user', '--net', '--'],
] as const;

/** Ordinary users may have no PATH to `ip`, which they may call in a namespace of their own. */
export const systemTools = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
});

/** Brings up the loopback of the namespace that it is run in. */
export const LOOPBACK_UP = ['ip', 'link', 'set', 'lo', 'up'] as const;

/** Tries whether this machine permits a network namespace, and how. */
export function findNamespace(): Namespace {
  if (process.platform !== 'linux') return { permitted: false, why: `${process.platform} has no network namespaces` };
  let why = '';
  for (const enter of WAYS) {
    const [command, ...args] = [...enter, ...LOOPBACK_UP];
    const tried = spawnSync(command, args, { encoding: 'utf8', timeout: ASK_MS, env: systemTools() });
    if (tried.status === 0) return { permitted: true, enter };
    why ||= tried.error?.message ?? tried.stderr.trim();
  }
  return { permitted: false, why };
}
