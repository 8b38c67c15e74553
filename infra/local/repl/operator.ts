// Who acts at the REPL, and what of it is under way.

import { setImmediate as turn } from 'node:timers/promises';
import type { CallingOptions, Middleware, ServiceBroker } from 'moleculer';
import type { Caller } from '../../../mixins/caller.ts';
import { randomCommandId } from '../../../services/api/command-id.ts';

type Call = ServiceBroker['call'];

export interface Operator {
  /** Makes every call the operator's, unless the call says otherwise. */
  readonly middleware: Middleware;
  /** Resolves when no call is under way, and none follows from the last one: `bench` ends its command before its calls. */
  quiet(): Promise<void>;
}

/** Whoever may open the shop's socket, or reach its NATS, may do everything. */
export function createOperator(): Operator {
  let underWay = 0;
  let ended: PromiseWithResolvers<void> | undefined;
  const end = (): void => {
    underWay -= 1;
    if (underWay === 0) ended?.resolve();
  };
  const call = (next: Call) => (action: string, params: object, options?: CallingOptions) => {
    underWay += 1;
    const meta = { ...operator(), ...options?.meta };
    let answering: Promise<unknown>;
    try {
      answering = next(action, params, { ...options, meta });
    } catch (error) {
      end();
      throw error;
    }
    answering.then(end, end);
    // Itself, not what follows from it: Moleculer looks for its context on it.
    return answering;
  };
  return {
    // The declared type of this hook forgets that it wraps.
    middleware: { name: 'operator', call: call as unknown as NonNullable<Middleware['call']> },
    async quiet() {
      do {
        ended = Promise.withResolvers();
        if (underWay > 0) await ended.promise;
        // What an answer leads to comes in this turn or in the next one.
        await turn();
        await turn();
      } while (underWay > 0);
    },
  };
}

function operator(): Caller {
  const commandId = randomCommandId();
  return {
    principal: { kind: 'user', id: 'repl', role: 'admin' },
    requestId: commandId,
    commandId,
    fingerprint: '',
    keyed: false,
  };
}
