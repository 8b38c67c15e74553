// Jest's `globalTeardown` to `jest-postgres.ts`.

import { once } from 'node:events';

/** Ends the PostgreSQL of this run and waits until its data is gone. */
export default async function teardown(): Promise<void> {
  const child = globalThis.testPostgres;
  if (child === undefined || child.exitCode !== null) return;
  child.disconnect();
  await once(child, 'exit');
}
