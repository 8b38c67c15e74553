// Goal: whatever program is started with settings that cannot be used, it says so in sentences and does nothing.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';

/** Generous: nothing is to be started, so this is the time of loading the program. In milliseconds. */
const ENDS_WITHIN_MS = 60_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-bad-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['start.ts'],
  ['start-cluster.ts'],
  ['../node/node.ts'],
  ['migrate.ts'],
  ['repl.ts'],
  ['mail.ts'],
  ['reset.ts', '--yes'],
  ['../../load/replay.ts'],
  ['../../load/report.ts', '--orders', 'nowhere.csv'],
])(
  '%s names all of them',
  (file, ...words) => {
    const dataDir = join(folder, 'data');
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      [fileURLToPath(new URL(file, import.meta.url)), ...words],
      {
        env: {
          ...process.env,
          DATA_DIR: dataDir,
          NODE_OPTIONS: '',
          PORT: 'http',
          LOG_LEVEL: 'loud',
          DB_URL: 'u:hunter2@db',
        },
        encoding: 'utf8',
        timeout: ENDS_WITHIN_MS,
      },
    );
    const said = stdout + stderr;
    expect([signal, status]).toEqual([null, 1]);
    expect(said).toContain('  PORT is "http", but must be a whole number from 0 to 65535, as in PORT=4000\n');
    expect(said).toContain('  LOG_LEVEL is "loud", but must be one of fatal, ');
    expect(said).toContain(
      '  DB_URL (not shown here, because it may hold a password) must be an address like postgres://',
    );
    expect(said).not.toMatch(/hunter2|^ +at /m);
    expect(existsSync(dataDir)).toBe(false);
  },
  ENDS_WITHIN_MS,
);
