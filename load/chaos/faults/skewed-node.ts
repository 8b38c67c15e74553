// A node of the cluster whose clock can be wrong: the program of every node in a campaign (`programOf` of startCluster).
//
//   Date is shifted ─► infra/node/node.ts, which knows nothing of it

import { followClockFile } from './skewed-clock.ts';

const { DATA_DIR = '', NODE_ID = '' } = process.env;
if (DATA_DIR === '' || NODE_ID === '') {
  console.error('skewed-node.ts is started as a node is: with DATA_DIR and NODE_ID in its environment.');
  process.exit(1);
}
followClockFile(DATA_DIR, NODE_ID);
// Only now: what it imports may look at the clock.
await import('../../../infra/node/node.ts');
