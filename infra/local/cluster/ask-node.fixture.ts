// Asks one node of a cluster by its name, as the gateway would on behalf of somebody: for what a certain node has to say.

import type { Caller, Principal } from '../../../mixins/caller.ts';
import { randomCommandId } from '../../../services/api/command-id.ts';
import type { Json, TestCluster } from './cluster.fixture.ts';
import { joinAsGuest } from './guest.fixture.ts';

/** How long the nodes may take to be found, in milliseconds. */
const FIND_MS = 20_000;
const POLL_MS = 20;

export type AskNode = Awaited<ReturnType<typeof joinCluster>>;

/** Joins the cluster as a node without services; `close` it. */
export async function joinCluster(cluster: Pick<TestCluster, 'natsUrl' | 'dataDir'>) {
  const broker = await joinAsGuest('asking', cluster);
  await broker.waitForServices('orders', FIND_MS, POLL_MS);
  return {
    /** @param commandId the same for a repeat of the same wish */
    ask<T = Json>(
      node: string,
      action: string,
      params: object,
      principal: Principal,
      commandId: string = randomCommandId(),
    ): Promise<T> {
      const requestId = randomCommandId();
      const meta: Caller = { principal, requestId, commandId, fingerprint: 'of the wish', keyed: true };
      return broker.call<T, object>(action, params, { nodeID: node, meta });
    },
    close: () => broker.stop(),
  };
}
