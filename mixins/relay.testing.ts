// What tests of the relay need: a place whose outbox rows are committed and sent, and what was heard of them.

import type { DeliveryAnswer } from '../brokers/hosting.ts';
import { memoryStore, type MemoryStore } from './memory-store.ts';
import { createRelay, type Relay, type Transport } from './relay.ts';
import { type ActorStore, bucketOf, BUCKETS, type Outgoing } from './store.ts';
import { pause } from './virtual-time.testing.ts';

const allBuckets = Array.from({ length: BUCKETS }, (_, bucket) => bucket);

/** A place in which outbox rows are committed, as a host would, and what was delivered of them. */
export function office() {
  const store = memoryStore('order');
  const heard: string[] = [];
  /** Commands only, with their places in the journals of their senders. */
  const order: { readonly pair: string; readonly version: number; readonly n: number }[] = [];
  const versions = new Map<string, number>();
  /** Commits rows of a sender. `target/key:word` is a command, `!topic` a public event. */
  const commit = async (sender: string, ...words: string[]): Promise<readonly Outgoing[]> => {
    const version = (versions.get(sender) ?? 0) + 1;
    versions.set(sender, version);
    const outbox = words.map((word, n) => outgoing(sender, version, n, word));
    const change = {
      id: sender,
      expected: version - 1,
      version,
      rows: [],
      journal: [],
      handled: [],
      timers: [],
      cancelled: [],
    };
    await store.commit([{ ...change, outbox }]);
    return outbox;
  };
  const transport = (
    answer: (word: string) => DeliveryAnswer | Promise<DeliveryAnswer> = () => ({ done: true }),
  ): Transport => {
    const take = async (word: string) => {
      const given = await answer(word);
      if (!('retry' in given)) heard.push(word);
      return given;
    };
    return {
      deliver: (_to, deliveries) =>
        Promise.all(
          deliveries.map(async ({ id, commandId, command }) => {
            const given = await take((command.data as { word: string }).word);
            const [, sender, version, , n] = commandId.split('/');
            if (!('retry' in given)) order.push({ pair: `${sender} to ${id}`, version: Number(version), n: Number(n) });
            return given;
          }),
        ),
      async publish(events) {
        for (const { data } of events) {
          const { word } = data as { word: string };
          const given = await answer(word);
          if ('retry' in given) throw new Error(given.retry);
        }
        heard.push(...events.map(({ data }) => (data as { word: string }).word));
      },
      async perform(_task, data) {
        const given = await take((data as { word: string }).word);
        if ('retry' in given) throw new Error(given.retry);
      },
    };
  };
  const alerts: string[] = [];
  const open = (holder: string, sends: Transport, over: ActorStore = store): Relay =>
    createRelay({ store: over, actor: 'order', holder, transport: sends, alert: (what) => alerts.push(what) });
  const until = async (count: number, withinMs = 60_000) => {
    for (const deadline = Date.now() + withinMs; heard.length < count && Date.now() < deadline; ) await pause(10);
    return heard;
  };
  return { store, heard, order, alerts, commit, transport, open, until };
}

function outgoing(sender: string, version: number, n: number, word: string): Outgoing {
  const kind = word.startsWith('!') ? 'publish' : word.startsWith('*') ? 'perform' : 'send';
  const [target = '', key = sender] = word.replace(/^[!*]/, '').split(':')[0]?.split('/') ?? [];
  const data = { word };
  return {
    messageId: `order/${sender}/${version}/0/${n}`,
    kind,
    target,
    sender,
    key,
    body: JSON.stringify(kind === 'send' ? { type: 'Hear', data } : data),
    sealed: false,
    at: Date.now(),
    bucket: bucketOf(sender, key),
  };
}

/** A transport's answer that does not come. */
export const never = () => new Promise<never>(() => {});

/** Ids of the messages that still stand in the outbox. */
export const unsent = async (store: MemoryStore) =>
  (await store.unsent(allBuckets, 0, 1_000_000)).map(({ messageId }) => messageId);
