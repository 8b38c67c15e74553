// What Chaos Mesh calls a valid fault: its custom resource definitions, taken out of its Go module. Nothing of it runs here.
//
//   go mod download ─► config/crd/bases/*.yaml ─► .cache/servers/chaos-mesh-<version>/        (4 MB are fetched, 3 MB kept)

import { cpSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartRefused } from '../data-dir.ts';
import { cached, ensureCached } from './cache.ts';
import { onPath, type Progress, run } from './run.ts';

/** A commit after release 2.8.4: as a Go module it has no versions of its own since 0.9. */
export const CHAOS_MESH_VERSION = 'v0.9.1-0.20260902003049-47411975a8cb';
const MODULE = 'github.com/chaos-mesh/chaos-mesh';
const DEFINITIONS = ['config', 'crd', 'bases'];
const FETCHING = 'fetching the definitions of Chaos Mesh';
const FETCH_MS = 300_000;

/** The folder of the definitions, a file for each; undefined: they are not fetched yet. */
export const findChaosMesh = (): string | undefined => (existsSync(home()) ? home() : undefined);

/**
 * Sees to it that the definitions are there.
 * @throws StartRefused with what to install
 */
export async function ensureChaosMesh(progress: Progress = () => {}): Promise<string> {
  if (findChaosMesh() !== undefined) return home();
  const go = onPath('go');
  if (go === undefined) throw new StartRefused(missingChaosMesh());
  progress(FETCHING);
  try {
    await ensureCached(home(), async (draft) =>
      cpSync(join(await download(go), ...DEFINITIONS), draft, { recursive: true }),
    );
  } catch (error) {
    throw new StartRefused(`${FETCHING} failed: ${(error as Error).message}\n${missingChaosMesh()}`, { cause: error });
  }
  return home();
}

/** What to do without them, as a sentence. */
export const missingChaosMesh = (): string =>
  'The definitions of Chaos Mesh are not on this machine. Install Go (https://go.dev/dl) and run ' +
  '"node infra/local/servers/fetch.ts chaos-mesh".';

function home(): string {
  return cached(`chaos-mesh-${CHAOS_MESH_VERSION}`);
}

/** @returns the module's folder in Go's own cache */
async function download(go: string): Promise<string> {
  const args = ['mod', 'download', '-json', `${MODULE}@${CHAOS_MESH_VERSION}`];
  // Where there is no module of ours, which it would otherwise look at.
  const told = await run(go, args, { env: process.env, cwd: dirname(go), timeoutMs: FETCH_MS });
  const { Dir } = JSON.parse(/\{[^]*\}/.exec(told)?.[0] ?? '{}') as { readonly Dir?: string };
  if (Dir === undefined) throw new Error(`Go did not say where it put ${MODULE}: ${told}`);
  return Dir;
}
