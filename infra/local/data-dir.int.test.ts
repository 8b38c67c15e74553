// The lock of the data folder between processes: who is refused, and that a dead holder holds nothing.
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDataDir } from './data-dir.ts';

jest.setTimeout(60_000);

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

let parent: string;
let folder: string;
let others: ChildProcess[];

/** A process that opens the folder, says `open` or why not, and stays. */
async function openElsewhere(options: { uid?: number; gid?: number } = {}) {
  const code = `
    const { openDataDir } = await import('${import.meta.dirname}/data-dir.ts');
    try { globalThis.kept = openDataDir('${folder}'); console.log('open'); } catch (error) { console.log(error.message); }
    setInterval(() => {}, 1e6);`;
  const other = spawn(process.execPath, ['--input-type=module', '-e', code], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  others.push(other);
  let warnings = '';
  other.stderr.on('data', (text) => (warnings += text));
  const [said] = (await once(other.stdout, 'data')) as [Buffer];
  return { other, said: said.toString().trim(), warnings: () => warnings };
}

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'souk-lock-'));
  folder = join(parent, 'data');
  others = [];
});

afterEach(async () => {
  for (const other of others) {
    const exited = other.exitCode === null && other.signalCode === null ? once(other, 'exit') : undefined;
    other.kill('SIGKILL');
    await exited;
  }
  rmSync(parent, { recursive: true });
});

it('refuses the folder while another process has it, and names that process', async () => {
  const { other, said, warnings } = await openElsewhere();
  expect(said).toBe('open');
  expect(warnings()).toBe('');
  expect(() => openDataDir(folder)).toThrow(
    `The data folder ${folder} is in use by another running shop (process ${other.pid}). Stop that one first, or set DATA_DIR to another folder.`,
  );
});

it('refuses a process while this one has it, also after others were refused', async () => {
  const dataDir = openDataDir(folder);
  expect((await openElsewhere()).said).toContain(`(process ${process.pid})`);
  expect(() => openDataDir(folder)).toThrow('in use');
  expect((await openElsewhere()).said).toContain('in use');
  dataDir.close();
  expect((await openElsewhere()).said).toBe('open');
});

it('is free at once when its holder was killed, however often', async () => {
  for (let round = 0; round < 3; round++) {
    const { other, said } = await openElsewhere();
    expect(said).toBe('open');
    other.kill('SIGKILL');
    await once(other, 'exit');
  }
  openDataDir(folder).close();
});

// Root may write everywhere, so the closed folder is met as another user; elsewhere this very user meets it.
it('names a folder that this user may not write, and its owner', async () => {
  openDataDir(folder).close();
  if (isRoot) chmodSync(parent, 0o711);
  else chmodSync(folder, 0o500);
  const { said } = await openElsewhere(isRoot ? { uid: NOBODY, gid: NOBODY } : {});
  const user = isRoot ? NOBODY : process.getuid?.();
  expect(said).toContain(`The data folder ${folder} cannot be used: user ${user} may not write there`);
  expect(said).toContain(`belongs to user ${process.getuid?.()}`);
  chmodSync(folder, 0o700);
});
