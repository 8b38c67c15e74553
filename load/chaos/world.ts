// What a campaign acts on: a whole cluster with a fault proxy on every edge, and those who use it.

import type { TestCluster } from '../../infra/local/cluster/cluster.fixture.ts';
import type { Load } from './faults/overload.ts';

/** The cluster of a campaign, with handles for faults. */
export interface World {
  readonly cluster: TestCluster;
  /** Tells what is being done, in a few words. */
  readonly say: (what: string) => void;
  /** Aborted when the run is broken off. */
  readonly signal: AbortSignal;
  /** Clients who can be made to ask for more; without them there is no overload. */
  readonly load?: Load;
}
