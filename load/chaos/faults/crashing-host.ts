// What the hosts of a crashing node are made by: the host of production, whose ports tell of every boundary.

import type { Message } from '../../../actors/actor.ts';
import * as production from '../../../mixins/host.ts';
import { passedHost } from '../crash-points/passing.ts';
import { pass } from './crashing-pass.ts';

/** As in production. */
export function createHost<S, C extends Message, E extends Message>(
  options: production.HostOptions<S, C, E>,
): production.Host<S, C> {
  return passedHost(production.createHost<S, C, E>, options, pass);
}
