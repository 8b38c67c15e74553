// kafkajs measures with the wall clock what only a monotonic one can: when the next heartbeat is due, whether an answer is
// late, how old its metadata are. A clock that is set back by ten minutes would take every consumer out of its group for as
// long, and have a lost answer waited for. The moments it keeps are therefore kept on the clock of `performance`, and told
// to it as if the wall clock had never jumped.
//
//   this.lastRequest = Date.now()  ─► kept as a monotonic moment        this.lastRequest  ─► Date.now() minus what has passed

import { createRequire } from 'node:module';

/** Which classes of kafkajs keep a moment, and under which name. */
const moments = [
  ['kafkajs/src/consumer/consumerGroup', 'lastRequest'],
  ['kafkajs/src/network/requestQueue/socketRequest', 'sentAt'],
  ['kafkajs/src/cluster/brokerPool', 'metadataExpireAt'],
] as const;

let isMended = false;

/** Makes kafkajs bear a wall clock that jumps. Clients that were made before are mended too, from their next moment on. */
export function mendClocks(): void {
  if (isMended) return;
  isMended = true;
  const load = createRequire(import.meta.url);
  for (const [file, name] of moments) keepMonotonic((load(file) as { readonly prototype: object }).prototype, name);
}

/** Keeps a property that holds a time of the wall clock, or null, as a moment of the monotonic one. */
export function keepMonotonic(prototype: object, name: string): void {
  const kept = new WeakMap<object, number>();
  Object.defineProperty(prototype, name, {
    configurable: true,
    get(this: object): number | null {
      const moment = kept.get(this);
      return moment === undefined ? null : Date.now() + moment - performance.now();
    },
    set(this: object, time: number | null) {
      if (time === null) kept.delete(this);
      else kept.set(this, performance.now() + time - Date.now());
    },
  });
}
