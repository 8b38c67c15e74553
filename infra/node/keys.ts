// The keys of an installation: random bytes in hexadecimal, a file each (mode 600).
//
//   makeKeys    who prepares a cluster: all that are missing          keyIn    the embedded mode: each at its first use
//   demandKeys, keyOf    a node: reads what was made, and never makes one that the other nodes do not have
//
// Several processes may share the folder: a key appears as a whole or not at all, and the first one made is everybody's.

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { syncFolder } from '../local/durable-files.ts';
import { StartRefused } from '../local/start-refused.ts';

/** Bytes of every secret of the installation. */
export const SECRET_BYTES = 32;

/**
 * The key of this name in the folder, which must exist; the same after every restart.
 * @throws StartRefused when the file holds something else, or cannot be read or made
 */
export function keyIn(folder: string, name: string, bytes: number = SECRET_BYTES): Buffer {
  const path = join(folder, name);
  return readKey(path, bytes) ?? makeKey(path, bytes);
}

/**
 * Makes the keys of these names that are missing, and the folder.
 * @throws StartRefused when one is damaged, or cannot be read or made
 */
export function makeKeys(folder: string, names: readonly string[]): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartRefused(`The folder for keys ${folder} cannot be made: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  for (const name of names) keyIn(folder, name);
}

/**
 * The key of this name, which must exist.
 * @throws StartRefused when it is missing, holds something else, or cannot be read
 */
export function keyOf(folder: string, name: string, bytes: number = SECRET_BYTES): Buffer {
  const key = readKey(join(folder, name), bytes);
  if (key === undefined) throw missing(folder, [name]);
  return key;
}

/**
 * Makes sure that these keys exist.
 * @throws StartRefused that names all that are missing, or the first that is damaged or cannot be read
 */
export function demandKeys(folder: string, names: readonly string[]): void {
  const absent = names.filter((name) => readKey(join(folder, name), SECRET_BYTES) === undefined);
  if (absent.length > 0) throw missing(folder, absent);
}

function missing(folder: string, names: readonly string[]): StartRefused {
  const files = names.map((name) => join(folder, name)).join(', ');
  const what = existsSync(folder)
    ? `KEYS_DIR is ${folder}, which lacks`
    : `KEYS_DIR is ${folder}, which is no folder: it lacks`;
  return new StartRefused(
    `${what} ${names.length === 1 ? 'a key' : `${names.length} keys`} of this node: ${files}. All nodes need the same keys: ` +
      'set KEYS_DIR to the folder that has them. They are made by npm run migrate (with roles), and by npm run cluster.',
  );
}

function readKey(path: string, bytes: number): Buffer | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StartRefused(`The key file ${path} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  const key = Buffer.from(text, 'hex');
  if (key.length !== bytes || text.length !== bytes * 2) {
    throw new StartRefused(`The key file ${path} is damaged: ${bytes} bytes in hexadecimal digits were expected.`);
  }
  return key;
}

function makeKey(path: string, bytes: number): Buffer {
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeFileSync(file, `${randomBytes(bytes).toString('hex')}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(draft, path); // unlike a rename, it never replaces the key that somebody else has just made
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new StartRefused(`The key file ${path} cannot be made: ${(error as Error).message}.`, { cause: error });
  } finally {
    rmSync(draft, { force: true });
  }
  return readKey(path, bytes) as Buffer;
}
