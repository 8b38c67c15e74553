// A disk of its own for PostgreSQL's files, small and ours to slow down, to stop and to fill: a file of this machine that
// is mounted like a disk (a loop device). The machine's own disk is never touched.
//
//   database made as always ─► image (sparse) ─► mounted aside ─► files copied ─► mounted over `postgres/`
//
// Only for root, on Linux. A cluster that was killed leaves its mount behind; the next one to mount takes it away.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openDataDir } from '../data-dir.ts';
import { startPostgres } from '../postgres.ts';
import { run } from '../servers/run.ts';
import { systemTools } from '../servers/network-namespace.ts';

/** Holds a few long runs; the file is sparse and takes what is written. */
const SIZE_BYTES = 3 * 1_024 ** 3;
const IMAGE = 'postgres-disk.img';
const OWNER = 'postgres-disk.pid';
const UNMOUNT_ATTEMPTS = 20;
const RETRY_MS = 100;
const TOOL_MS = 60_000;

export interface OwnDisk {
  /** Where it is mounted: PostgreSQL's folder. */
  readonly path: string;
  /** As the kernel numbers devices: "7:0". */
  readonly device: string;
  /** To be called when nothing runs on it any more. Safe to call twice. */
  unmount(): Promise<void>;
}

/** Of cgroup version 1, for the group of all processes: what it limits is the device. */
const WRITES_PER_SECOND = '/sys/fs/cgroup/blkio/blkio.throttle.write_iops_device';

/** Why writes to a device cannot be limited here, in a sentence; undefined if they can. */
export const missingLimit = (): string | undefined =>
  existsSync(WRITES_PER_SECOND)
    ? undefined
    : `The kernel offers no limit of writes by device here: there is no ${WRITES_PER_SECOND} (cgroup version 1).`;

/** Lets through so many writes a second to a device, by whomever; 0: all of them. */
export const limitWrites = ({ device }: Pick<OwnDisk, 'device'>, perSecond: number): void =>
  writeFileSync(WRITES_PER_SECOND, `${device} ${perSecond}`);

const tool = (command: string, ...args: readonly string[]) =>
  run(command, args, { env: systemTools(), timeoutMs: TOOL_MS });

let missing: Promise<string | undefined> | undefined;

/** Why no disk can be mounted here, in a sentence; undefined if one can. Tried once. */
export const missingOwnDisk = (): Promise<string | undefined> => (missing ??= tryOut());

async function tryOut(): Promise<string | undefined> {
  if (process.platform !== 'linux')
    return `A disk of its own needs loop devices of Linux, and this is ${process.platform}.`;
  if (process.getuid?.() !== 0) return 'A disk of its own has to be mounted, which only root may: run it as root.';
  const folder = join(tmpdir(), `souk-disk-${process.pid}`);
  const image = join(folder, IMAGE);
  const place = join(folder, 'mounted');
  mkdirSync(place, { recursive: true });
  try {
    await makeImage(image, 16 * 1_024 ** 2);
    await tool('mount', '-o', 'loop', image, place);
    await tool('umount', place);
    return undefined;
  } catch (error) {
    return `A disk of its own cannot be mounted on this machine: ${(error as Error).message.replaceAll('\n', ' ')}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Makes the database of a data folder, which nobody works on yet, and puts its files on a disk of their own.
 * @throws Error where that is not possible; see `missingOwnDisk`
 */
export async function mountOwnDisk(folder: string): Promise<OwnDisk> {
  await sweep();
  const dataDir = openDataDir(folder);
  try {
    await (await startPostgres({ dataDir })).stop();
  } finally {
    dataDir.close();
  }
  const path = join(folder, 'postgres');
  const image = join(folder, IMAGE);
  const aside = join(folder, 'postgres-disk');
  await makeImage(image, SIZE_BYTES);
  mkdirSync(aside);
  writeFileSync(join(folder, OWNER), String(process.pid));
  await tool('mount', '-o', 'loop', image, aside);
  try {
    // The server demands that everything in its folder is its own.
    rmSync(join(aside, 'lost+found'), { recursive: true });
    await tool('cp', '-a', `${path}/.`, aside);
  } finally {
    await unmount(aside);
  }
  await tool('mount', '-o', 'loop', image, path);
  const { dev } = statSync(path);
  const device = `${(dev >> 8) & 0xf_ff}:${(dev & 0xff) | ((dev >> 12) & 0xf_ff_00)}`;
  // The limit of a run that was killed may still lie on the number that this disk was given.
  if (missingLimit() === undefined) limitWrites({ device }, 0);
  return { path, device, unmount: () => unmount(path) };
}

async function makeImage(image: string, bytes: number): Promise<void> {
  mkdirSync(dirname(image), { recursive: true });
  writeFileSync(image, '');
  truncateSync(image, bytes);
  // No share of it is kept for root, so that what is full for us is full for the server.
  await tool('mkfs.ext4', '-q', '-F', '-m', '0', image);
}

async function unmount(path: string): Promise<void> {
  for (let attempt = 1; mounts().includes(path); attempt++) {
    try {
      await tool('umount', ...(attempt === UNMOUNT_ATTEMPTS ? ['--lazy', path] : [path]));
    } catch (error) {
      if (attempt >= UNMOUNT_ATTEMPTS) throw error;
      await pause(RETRY_MS); // a process that has just ended still holds it
    }
  }
}

/** Takes away what killed clusters left mounted: disks whose owner is gone. */
async function sweep(): Promise<void> {
  for (const path of mounts().filter((mount) => mount.startsWith(tmpdir()) && mount.endsWith('/postgres'))) {
    const owner = join(dirname(path), OWNER);
    if (existsSync(owner) && !existsSync(`/proc/${readFileSync(owner, 'utf8').trim()}`)) await unmount(path);
  }
}

/** Where something is mounted. */
function mounts(): readonly string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return lines.flatMap((line) => line.split(' ')[1] ?? []);
}
