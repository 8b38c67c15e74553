// Who is there: Moleculer's heartbeats, with doubts about oneself. A process that stood still for seconds finds everybody
// else silent, though their heartbeats are in its socket: before a node counts as gone, what has come is read.

import { Discoverers } from 'moleculer';

/** How long a node that seems silent may still be heard of, in milliseconds of this process's own work. */
export const DOUBT_MS = 250;

/** Moleculer's discoverer, which declares a node gone only if it is still silent after a moment of listening. */
export class Discoverer extends Discoverers.Local {
  override checkRemoteNodes(): void {
    const { heartbeatTimeout = 0 } = this.broker.options;
    const now = Math.round(process.uptime());
    const silent = this.registry.nodes
      .toArray()
      .some(
        ({ local, available, lastHeartbeatTime }) => !local && available && now - lastHeartbeatTime > heartbeatTimeout,
      );
    if (silent) setTimeout(() => super.checkRemoteNodes(), DOUBT_MS).unref();
  }
}
