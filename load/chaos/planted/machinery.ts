// Bugs of the machinery, which services share: host, store, inbox, outbox, relay, log.

import { type PlantedBug, put } from './planted-bug.ts';

const host = 'mixins/host.ts';
const batch = 'mixins/batch.ts';
const relay = 'mixins/relay.ts';
const channel = 'mixins/relay-channel.ts';
const store = 'mixins/memory-store.ts';
const cache = 'mixins/actor-cache.ts';
const consume = 'mixins/consume.ts';

export const machineryBugs: readonly PlantedBug[] = [
  {
    number: 3,
    bug: 'the version is ignored by the store',
    changes: [put(store, `if ((actors.get(change.id)?.version ?? 0) !== change.expected) return false;`, ``)],
  },
  {
    number: 3,
    bug: 'check, then act: the host does not ask whether it won',
    changes: [
      put(
        host,
        `new Set(changes.filter((change) => !won.has(change.id)).map((change) => change.id))`,
        `new Set<string>()`,
      ),
    ],
  },
  {
    number: 4,
    bug: 'no dedup: the inbox is neither looked up nor fenced',
    changes: [
      put(batch, `if (repeated !== undefined) return`, `if (repeated === null) return`),
      put(store, `return change.handled.every(`, `return true || change.handled.every(`),
    ],
  },
  {
    number: 4,
    bug: 'the inbox is fenced, but not looked up after a doubt',
    changes: [put(batch, `entries.filter((entry) => !isGuess(entry)).map(`, `[].map(`)],
  },
  {
    number: 5,
    bug: 'no outbox: messages are sent from memory and are in no commit',
    changes: [put(store, `for (const row of change.outbox) {`, `for (const row of []) {`)],
  },
  {
    number: 5,
    bug: 'nobody sweeps the outbox after a crash',
    changes: [
      put(relay, `for (const row of rows) add(row);`, ``),
      put(
        relay,
        `BEREFT_AFTER_MS : LEFT_OVER_AFTER_MS, page)) add(row);`,
        `BEREFT_AFTER_MS : LEFT_OVER_AFTER_MS, page)) void row;`,
      ),
    ],
  },
  {
    number: 6,
    bug: 'a refused command is remembered as done',
    changes: [put(batch, `events.length > 0 || entry.timer !== undefined ||`, `events.length >= 0 ||`)],
  },
  {
    number: 6,
    bug: 'the inbox row is stored apart from the effect',
    changes: [
      put(
        store,
        `const winners = changes.filter(takesPart);`,
        `const winners = changes.filter(takesPart);
      for (const change of changes) for (const entry of change.handled) handled.set(handledKey(entry.id, entry.commandId), entry);`,
      ),
    ],
  },
  {
    number: 7,
    bug: 'a delivery that failed is given up',
    changes: [put(channel, `if ('retry' in answer) return`, `if ('retry' in answer && item.failures > 0) return`)],
  },
  {
    number: 8,
    bug: 'messages leave before the commit',
    seed: 3,
    changes: [
      put(
        host,
        `won = changes.length === 0 ?`,
        `for (const { outbox } of changes) relay.push(outbox);
      won = changes.length === 0 ?`,
      ),
    ],
  },
  {
    number: 12,
    bug: 'a lock holds the connection that the work under it needs',
    changes: [
      put(
        host,
        `await runBatch(actor, store, cache, entries));`,
        `await store.locked(() => runBatch(actor, store, cache, entries)));`,
      ),
    ],
  },
  {
    number: 14,
    bug: 'only the changed rows are dropped after a conflict',
    changes: [
      put(
        host,
        `for (const id of lost) cache.drop(id);`,
        `for (const change of changes) {
      const kept = lost.has(change.id) ? cache.get(change.id) : undefined;
      if (kept === undefined) continue;
      for (const { key } of change.rows) kept.rows.delete(key);
      const now = await store.load({ ids: [change.id], rows: [], commands: [] }).catch(() => undefined);
      if (now === undefined) cache.drop(change.id);
      else kept.version = now.actors.get(change.id)?.version ?? 0;
    }`,
      ),
    ],
  },
  {
    number: 14,
    bug: 'nothing is dropped after a conflict, only the version is corrected',
    changes: [put(cache, `if (actor !== undefined) letGo(id, actor);`, `if (actor !== undefined) actor.version += 1;`)],
  },
  {
    number: 15,
    bug: 'a refusal is answered before the version check',
    seed: 2,
    changes: [
      put(
        host,
        `if (lost.has(entry.id) || isUnproven)`,
        `if ((lost.has(entry.id) && !('told' in outcome && outcome.told.refused)) || isUnproven)`,
      ),
    ],
  },
  {
    number: 15,
    bug: 'a version that was only read is not confirmed',
    seed: 2,
    changes: [
      put(
        host,
        `await store.commit(changes);`,
        `new Set([
        ...changes.filter((change) => change.version === change.expected).map((change) => change.id),
        ...(await store.commit(changes.filter((change) => change.version !== change.expected))),
      ]);`,
      ),
    ],
  },
  {
    bug: 'an answer leaves before its commit',
    changes: [
      put(
        host,
        `won = changes.length === 0 ?`,
        `for (const outcome of outcomes) if ('told' in outcome) outcome.entry.resolve(outcome.told);
      won = changes.length === 0 ?`,
      ),
    ],
  },
  {
    bug: 'ack before commit: a delivery is acknowledged before it takes effect',
    changes: [
      put(
        host,
        `const { refused } = await admit(id, command as C, { commandId, isNew: true });`,
        `void admit(id, command as C, { commandId, isNew: true }).catch(() => {});
      const refused = undefined as Refusal | undefined;`,
      ),
    ],
  },
  {
    bug: 'the position in the log moves before the commit',
    seed: 9,
    changes: [put(consume, `if (away !== undefined) throw new Error(away.retry);`, ``)],
  },
  {
    bug: 'the position in the log does not wait for the host at all',
    changes: [
      put(
        consume,
        `const answers = await host.receive(deliveries.map(({ delivery }) => delivery));`,
        `void host.receive(deliveries.map(({ delivery }) => delivery)).catch(() => {});
      const answers = [];`,
      ),
    ],
  },
  {
    bug: 'what the former owner of an actor has not delivered is not asked for',
    seed: 11,
    changes: [put(host, `if (follows) relay.follow(change.outbox);`, `if (follows) relay.push(change.outbox);`)],
  },
  {
    bug: 'an event is published under a new id at each attempt',
    changes: [
      put(
        relay,
        `return { topic: target, key, id: messageId,`,
        `return { topic: target, key, id: globalThis.simulatedId(),`,
      ),
    ],
  },
  {
    bug: 'only the first event of a command is journaled',
    changes: [put(batch, `    journal.push({\n`, `    if (index === 0) journal.push({\n`)],
  },
  {
    bug: 'a change of several rows writes the first alone',
    changes: [put(batch, `draft.changed.add(key);`, `if (draft.changed.size === 0) draft.changed.add(key);`)],
  },
];
