// A disk of its own for PostgreSQL: the server works on it, it can be slowed down and filled, and nothing of it stays behind.
import { afterEach, beforeEach, expect } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { itWhere } from '../../toolchain/it-where.ts';
import { openDataDir } from '../data-dir.ts';
import { startPostgres } from '../postgres.ts';
import { missingOwnDisk, mountOwnDisk, type OwnDisk } from './own-disk.ts';

const missing = await missingOwnDisk();
const withDisk = itWhere(missing === undefined, missing ?? '');
/** Above the highest that the kernel gives. */
const NOBODY = 999_999_999;

let folders: string[];
let disks: OwnDisk[];

async function mount() {
  const folder = mkdtempSync(join(tmpdir(), 'souk-own-disk-'));
  folders.push(folder);
  const disk = await mountOwnDisk(folder);
  disks.push(disk);
  return { folder, disk };
}
const isMounted = ({ path }: OwnDisk) => readFileSync('/proc/self/mounts', 'utf8').includes(` ${path} `);

beforeEach(() => {
  folders = [];
  disks = [];
});
afterEach(async () => {
  await Promise.all(disks.map((disk) => disk.unmount()));
  for (const folder of folders) rmSync(folder, { recursive: true });
});

withDisk('is where PostgreSQL works, is small, and is gone when it is unmounted', async () => {
  const { folder, disk } = await mount();
  expect(isMounted(disk)).toBe(true);
  expect(statSync(disk.path).dev).not.toBe(statSync(folder).dev);
  expect(disk.device).toMatch(/^7:\d+$/);
  const { bavail, bsize } = statfsSync(disk.path);
  expect(bavail * bsize).toBeLessThan(4 * 1_024 ** 3);
  const dataDir = openDataDir(folder);
  const postgres = await startPostgres({ dataDir });
  try {
    const orm = new MikroORM({ entities: [], clientUrl: postgres.url, discovery: { warnWhenNoEntities: false } });
    const [row] = await orm.em.getConnection().execute<{ xid: string }[]>('select pg_current_xact_id()::text xid');
    expect(Number(row?.xid)).toBeGreaterThan(0);
    await orm.close(true);
  } finally {
    await postgres.stop();
    dataDir.close();
  }
  await disk.unmount();
  await disk.unmount();
  expect(isMounted(disk)).toBe(false);
});

withDisk('of one who was killed is taken away by the next', async () => {
  const left = await mount();
  writeFileSync(join(left.folder, 'postgres-disk.pid'), String(NOBODY));
  const next = await mount();
  expect([isMounted(left.disk), isMounted(next.disk)]).toEqual([false, true]);
});
