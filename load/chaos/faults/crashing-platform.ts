// The platform of a crashing node: that of production, whose log, provider and mailer tell of every boundary.

import * as production from '../../../infra/node/platform.ts';
import { passedLog, passedMailer, passedProvider } from '../crash-points/passing.ts';
import { pass } from './crashing-pass.ts';

export { keysFolder } from '../../../infra/node/platform.ts';

/** As in production. */
export function nodePlatform(options: production.NodePlatformOptions): production.NodePlatform {
  const platform = production.nodePlatform(options);
  return {
    ...platform,
    log: async () => passedLog(await platform.log(), pass),
    provider: () => passedProvider(platform.provider(), pass),
    mailer: () => passedMailer(platform.mailer(), pass),
  };
}
