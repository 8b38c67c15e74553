// Where fetched servers lie: `.cache/servers/<name>-<version>/` of the project. A thing is there as a whole or not at all:
// it is made beside its place and renamed, so that a fetch cut short, or two at once, leave nothing half done.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../../../.cache/servers/', import.meta.url));

/** The path of a thing in the cache, there or not. */
export const cached = (...names: readonly string[]): string => join(CACHE, ...names);

/**
 * Makes a file or folder of the cache unless it is there.
 * @param make is given the path to make it at
 */
export async function ensureCached(path: string, make: (draft: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}`);
  rmSync(draft, { recursive: true, force: true });
  try {
    await make(draft);
    renameSync(draft, path);
  } catch (error) {
    if (!existsSync(path)) throw error; // somebody else was faster
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Removes the drafts that processes which are gone left behind. */
export function sweepDrafts(folder: string = CACHE): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const pid = Number(/^\..*\.(\d+)$/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
