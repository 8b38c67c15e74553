// Moleculer's time-outs, without what they leave behind. It stops waiting for a request, but keeps it among those under way
// until its node is gone: there it takes the room of another one, for ever if its answer got lost, and holds up the stop
// of whoever has made it.

import * as moleculer from 'moleculer';
import { type Context, Errors, type ServiceBroker } from 'moleculer';

type Handler = (ctx: Context) => Promise<unknown>;
/** What is needed here of a middleware: how it wraps a call to another node. */
interface Wrapping {
  readonly name: string;
  remoteAction(this: ServiceBroker, next: Handler, action: { readonly name: string }): Handler;
}

/** Moleculer exports its middlewares, but does not declare them. */
const { Middlewares } = moleculer as unknown as {
  readonly Middlewares: { Timeout(broker: ServiceBroker): Wrapping };
};

/** The part of Moleculer's transit that is needed here. */
interface Transit {
  readonly pendingRequests: ReadonlyMap<string, { reject(error: Error): void }>;
  removePendingRequest(id: string): void;
}

/** Ends a request as its time-out would: whoever counts the unanswered, such as the breaker, counts it. */
export function giveUp(broker: ServiceBroker, id: string, action: string, nodeID: string): void {
  const transit = broker.transit as unknown as Transit;
  const request = transit.pendingRequests.get(id);
  transit.removePendingRequest(id);
  request?.reject(new Errors.RequestTimeoutError({ action, nodeID }));
}

/** The middleware; it takes the place of Moleculer's `Timeout`. */
export function timeouts(broker: ServiceBroker): Wrapping {
  const timeout = Middlewares.Timeout(broker);
  return {
    ...timeout,
    name: 'Timeouts',
    remoteAction(next, action) {
      const call = timeout.remoteAction.call(broker, next, action);
      return async (ctx) => {
        try {
          return await call(ctx);
        } catch (error) {
          // One that its node itself reports has been answered: there is nothing left to end.
          if ((error as Error).name === 'RequestTimeoutError') giveUp(broker, ctx.id, action.name, ctx.nodeID ?? '');
          throw error;
        }
      };
    },
  };
}
