// Clients before the first run on a fresh cluster: programs that have just started are slow, because what they run is not
// compiled yet, and a run that began so would tell of that. What these clients do is not judged.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TestCluster } from '../../infra/local/cluster/cluster.fixture.ts';
import { openBooks } from './books/read-books.ts';
import { settled } from './books/settled.ts';
import { createRecorder } from './history/recorder.ts';
import { startWorkload, type Workload } from './workload/workload.ts';

/** At half the rate of the runs, because everything costs a multiple. */
const SHARE = 0.5;

export interface WarmUpOptions {
  readonly cluster: TestCluster;
  readonly seed: number;
  /** Operations that clients begin in a second in the runs. */
  readonly perSecond: number;
  /** How long clients come, in milliseconds; then everything has to settle. */
  readonly forMs: number;
  readonly signal: AbortSignal;
}

/** Uses the shop for a while and waits until it is quiet. @throws Error if the shop cannot be used */
export async function warmUp({ cluster, seed, perSecond, forMs, signal }: WarmUpOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'souk-warm-up-'));
  const { postgresUrl, dataDir, kafkaBrokers } = cluster;
  const reader = await openBooks({ postgresUrl, dataDir, kafkaBrokers });
  const recorder = createRecorder(join(folder, 'history.jsonl'));
  let workload: Workload | undefined;
  try {
    workload = await startWorkload({ cluster, seed, perSecond: Math.ceil(perSecond * SHARE), recorder });
    await pause(forMs, undefined, { signal });
    await workload.stop();
    await settled(reader, { signal });
    await workload.close();
  } finally {
    // Broken off, its clients would go on asking for ever.
    await workload?.stop().catch(() => undefined);
    await recorder.close().catch(() => undefined);
    await reader.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
