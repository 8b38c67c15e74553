// A node without services among the nodes of a cluster, for whoever has something to ask of one of them.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ServiceBroker } from 'moleculer';
import { readSettings } from '../../../mixins/settings.ts';
import { brokerOptions } from '../../../moleculer.config.ts';
import type { TestCluster } from './cluster.fixture.ts';

/** How long the way to NATS may take, in milliseconds. */
const JOIN_WITHIN_MS = 20_000;

/**
 * Joins a cluster under this name; `stop` it. Its log lies beside those of the others.
 * @throws Error if NATS cannot be reached within `withinMs`
 */
export async function joinAsGuest(
  nodeId: string,
  { natsUrl, dataDir }: Pick<TestCluster, 'natsUrl' | 'dataDir'>,
  withinMs = JOIN_WITHIN_MS,
): Promise<ServiceBroker> {
  const log = join(dataDir, 'nodes', `${nodeId}.log`);
  const guest = new ServiceBroker(brokerOptions({ ...readSettings({}), nodeId, natsUrl }, log));
  const giveUp = new AbortController();
  try {
    const late = pause(withinMs, 'late', { signal: giveUp.signal });
    late.catch(() => undefined); // ended by `giveUp`
    if ((await Promise.race([guest.start(), late])) === 'late') throw new Error(`no way to NATS in ${withinMs} ms`);
    return guest;
  } catch (error) {
    await guest.stop();
    throw error;
  } finally {
    giveUp.abort();
  }
}
