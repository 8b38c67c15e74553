// The keys of an installation: random bytes in hexadecimal, a file each (mode 600), made by whoever needs one first.
// Several nodes may share the folder: a key appears as a whole or not at all, and the first one made is everybody's.

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
