// Jest's `globalSetup` of the levels that need real servers: one PostgreSQL for the whole run. Test files share it by
// having a schema each (`mixins/postgres/testing.ts`). `jest-postgres-stop.ts` ends it; so does the end of Jest.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./postgres-for-tests.ts', import.meta.url));

declare global {
  var testPostgres: ChildProcess | undefined;
}

/** Starts it, unless TEST_POSTGRES_URL names one already. */
export default async function setup(): Promise<void> {
  if (process.env['TEST_POSTGRES_URL'] !== undefined) return;
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  globalThis.testPostgres = child;
  process.env['TEST_POSTGRES_URL'] = await new Promise<string>((resolve, reject) => {
    child.once('message', (ready: { url: string }) => resolve(ready.url));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the PostgreSQL for tests did not start (status ${code})`)));
  });
}
