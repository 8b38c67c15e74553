// kafkajs gives up joining its group when the coordinator is just being loaded, or is out of reach for some seconds, and
// then goes on as if it had joined: it fetches and its heartbeats are answered, but it stores its positions with the
// coordinator of before, which refuses them, for ever. Joining therefore goes on until it is done; after too many attempts
// the consumer ends, and is begun anew as a whole.

import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

/** Pause between two attempts, in milliseconds. */
const AGAIN_MS = 200;
/** Each takes some seconds itself while nobody answers. */
const ATTEMPTS_MAX = 50;

interface Group {
  joinAndSync(): Promise<void>;
}
const load = createRequire(import.meta.url);
/** It is not among the types of the package. */
const { KafkaJSNoBrokerAvailableError } = load('kafkajs') as {
  readonly KafkaJSNoBrokerAvailableError: new () => Error;
};
let isMended = false;

/** Has every consumer of kafkajs join until it has joined. */
export function mendJoins(): void {
  if (isMended) return;
  isMended = true;
  const { prototype } = load('kafkajs/src/consumer/consumerGroup') as {
    readonly prototype: Group;
  };
  const join = prototype.joinAndSync;
  prototype.joinAndSync = function (this: Group) {
    return untilDone(() => join.call(this));
  };
}

/** @throws KafkaJSNoBrokerAvailableError after the last attempt: of all errors this is the one that ends a consumer */
export async function untilDone(
  join: () => Promise<void>,
  { attempts = ATTEMPTS_MAX, againMs = AGAIN_MS } = {},
): Promise<void> {
  let reason: unknown;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    try {
      await join();
      return;
    } catch (error) {
      reason = error;
    }
    await delay(againMs, undefined, { ref: false });
  }
  throw Object.assign(new KafkaJSNoBrokerAvailableError(), { cause: reason });
}
