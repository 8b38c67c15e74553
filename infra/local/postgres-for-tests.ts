// A PostgreSQL that lives as long as the program that forked this one, on data that goes with it.
//
//   fork ──► { url } ──► … ──► the channel closes, however that came ──► stopped, data removed

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDataDir } from './data-dir.ts';
import { startPostgres } from './postgres.ts';

const folder = mkdtempSync(join(tmpdir(), 'souk-test-postgres-'));
// Ctrl-C reaches this process too: the data must not go before the tests are done with it.
process.on('SIGINT', () => {});
const gone = new Promise<void>((resolve) => process.once('disconnect', resolve));
const dataDir = openDataDir(folder);
try {
  const postgres = await startPostgres({ dataDir });
  if (process.connected) process.send?.({ url: postgres.url });
  await gone;
  await postgres.stop();
} finally {
  dataDir.close();
  rmSync(folder, { recursive: true, force: true });
}
