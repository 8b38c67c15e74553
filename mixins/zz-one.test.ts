import { it } from '@jest/globals';
import { Problem } from '../brokers/problem.ts';
import { campaign } from './host.contract.ts';
import { createHost } from './host.ts';
import { memoryStore } from './memory-store.ts';
import { StoreUnavailable } from './store.ts';
import { inVirtualTime } from './virtual-time.testing.ts';
it('one', async () => {
  await inVirtualTime(() => campaign({ createHost, memoryStore, StoreUnavailable, Problem }, Number(process.env['SEED']), Number(process.env['NODES'] ?? 1)));
}, 100_000);
