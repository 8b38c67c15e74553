// The simulated payment provider as a unit of the supervisor, on an address that stays the same.

import { join } from 'node:path';
import type { DataDir } from '../data-dir.ts';
import { keyIn } from '../../node/keys.ts';
import { providerArgs, providerKeys } from '../provider/command.ts';
import { startServer } from '../servers/server-process.ts';
import type { Unit } from '../servers/supervisor.ts';

const ANSWER_MS = 1_000;

export interface ProviderUnitOptions {
  readonly dataDir: DataDir;
  /** The folder with the keys that shop and provider share, as a real provider would hand them out. */
  readonly keys: string;
  readonly port: number;
  readonly shopUrl: string;
  readonly mark: string;
  readonly webhooks: 'all' | 'unanswered';
}

export function providerUnit({ dataDir, keys, port, shopUrl, mark, webhooks }: ProviderUnitOptions): Unit {
  for (const name of providerKeys) keyIn(keys, name);
  return {
    name: 'provider',
    start: (signal) =>
      startServer({
        name: 'The payment provider',
        command: process.execPath,
        args: providerArgs({ port, dataDir: dataDir.path, keys, shopUrl, webhooks }),
        logFile: join(dataDir.path, 'nodes', 'provider.out'),
        isReady: () => answers(port),
        mark,
        signal,
      }),
  };
}

async function answers(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(ANSWER_MS) });
  await response.body?.cancel();
  return true; // it refuses a request without a key, which is an answer
}
