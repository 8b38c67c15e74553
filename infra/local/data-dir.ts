// The folder in which a shop keeps everything it must not lose. Whoever opens it holds a lock of the operating system:
//
//   openDataDir ──► .data/lock (an exclusive SQLite transaction = an fcntl lock) ──► close(), or the end of the process
//
// The kernel drops the lock when the process dies, however it dies, so there is no stale lock and no pid to misread;
// `shop.pid` only serves the sentence that tells a second shop who is there.
// Never open `lock` by other means in the process that holds it: closing any handle of a file drops its fcntl locks.

import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { keyIn } from '../node/keys.ts';
import { StartRefused } from './start-refused.ts';

export { writeDurably } from './durable-files.ts';
export { StartRefused } from './start-refused.ts';

/** A shop that just died may need a moment until the kernel has closed its files. */
const LOCK_WAIT_MS = 500;
const SQLITE_BUSY = 5;

/** An open data folder. Holding one means that no other living process uses the folder. */
export type DataDir = {
  /** Absolute, without symbolic links. */
  readonly path: string;
  /**
   * `bytes` random bytes that stay the same over restarts, kept in `keys/<name>` (mode 600).
   * @throws StartRefused when the file holds something else
   */
  secret(name: string, bytes: number): Buffer;
  /** Releases the folder. Safe to call twice. */
  close(): void;
};

/** Locks that are held: an unreachable database object would be collected and its lock silently dropped. */
const held = new Set<DatabaseSync>();

/**
 * Creates the folder where it is missing (mode 700) and locks it.
 * @throws StartRefused when another running shop holds it, or it cannot be created or written
 */
export function openDataDir(folder: string): DataDir {
  const path = create(resolve(folder));
  const lock = acquire(path);
  const keys = join(path, 'keys');
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  return {
    path,
    secret: (name, bytes) => keyIn(keys, name, bytes),
    close() {
      if (held.delete(lock)) lock.close();
    },
  };
}

function create(path: string): string {
  try {
    // Only the folder itself is closed to others: parents made on the way get the usual mode.
    mkdirSync(dirname(path), { recursive: true });
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(path);
  } catch (error) {
    throw new StartRefused(`The data folder ${path} cannot be used: ${reason(error, path)}`, { cause: error });
  }
}

function acquire(path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(join(path, 'lock'), { timeout: LOCK_WAIT_MS });
    lock.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE');
    held.add(lock);
    chmodSync(join(path, 'lock'), 0o600); // whoever may read a file may lock it
    writeFileSync(join(path, 'shop.pid'), `${process.pid}\n`, { mode: 0o600 });
    return lock;
  } catch (error) {
    if (lock) held.delete(lock);
    lock?.close();
    throw (error as { errcode?: number }).errcode === SQLITE_BUSY ? inUse(path) : unusable(path, error);
  }
}

function inUse(path: string): StartRefused {
  let holder = '';
  try {
    holder = ` (process ${Number.parseInt(readFileSync(join(path, 'shop.pid'), 'utf8'), 10)})`;
  } catch {
    // Who holds it is only for information.
  }
  return new StartRefused(
    `The data folder ${path} is in use by another running shop${holder}. Stop that one first, or set DATA_DIR to another folder.`,
  );
}

function unusable(path: string, error: unknown): StartRefused {
  return new StartRefused(`The data folder ${path} cannot be locked: ${reason(error, path)}`, { cause: error });
}

function reason(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const other = 'Set DATA_DIR to another folder.';
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `user ${process.getuid?.() ?? 'here'} may not write there (${owner(path)}). Start the shop as the owner, or set DATA_DIR to another folder.`;
    case 'EEXIST':
    case 'ENOTDIR':
      return `a file is in its place. ${other}`;
    case 'EROFS':
      return `the file system is read-only. ${other}`;
    case 'ENOSPC':
      return `the disk is full. Make room, or set DATA_DIR to another folder.`;
    default:
      return `${message}. ${other}`;
  }
}

/** Names the nearest folder that can be seen, since a missing one has no owner. */
function owner(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { uid, mode } = statSync(at);
      return `${at} belongs to user ${uid}, mode ${(mode & 0o777).toString(8)}`;
    } catch {
      if (at === dirname(at)) return 'its owner cannot be seen';
    }
  }
}
