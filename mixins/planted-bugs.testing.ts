// Bugs that are put back on purpose, each into a copy of production files, to show that tests can fail: those of the
// machinery that services share (host, store, inbox, outbox, relay, log), and of the requests that come to it.
//
//   this catalogue ──► planted-bugs.test.ts    by properties of the host alone
//                 └──► load/chaos/planted/     by the checkers of the whole shop, simulated or on real servers
//
// Who plants a bug says how it is found; what it is stands here, once.

/** Replaces a text, which must occur exactly once: a `TextChange`, whose file this layer may not import. */
export const put = (file: string, from: string, to: string) => ({ file, from, to });

/** A bug that is put back on purpose. */
export interface PlantedBug {
  /** Its number in the list of bugs that money was lost by in other systems; none: it is in their company, or our own. */
  readonly number?: number;
  /** As one would tell it. */
  readonly bug: string;
  readonly changes: readonly ReturnType<typeof put>[];
}

const host = 'mixins/host.ts';
const batch = 'mixins/batch.ts';
const relay = 'mixins/relay.ts';
const channel = 'mixins/relay-channel.ts';
const store = 'mixins/memory-store.ts';
const cache = 'mixins/actor-cache.ts';
const consume = 'mixins/consume.ts';
const commandId = 'services/api/command-id.ts';

const beforeCommit = (code: string) =>
  put(host, `won = changes.length === 0 ?`, `${code}\n      won = changes.length === 0 ?`);
const sendAll = `for (const { outbox } of changes) relay.push(outbox);`;
const answerAll = `for (const outcome of outcomes) if ('told' in outcome) outcome.entry.resolve(outcome.told);`;
/** A kill of a real process hits the moment before the commit only if that is long enough. */
const takeAWhile = `await pause(50);`;

/** That a command was handled before is not recognised. Each store has its own fence behind it. */
export const inboxNotLookedUp = put(batch, `if (repeated !== undefined) return`, `if (repeated === null) return`);

const orderIdIs = (made: string) =>
  put('mixins/ids.ts', `return UUID.test(commandId) ? commandId : derivedId('created-by', commandId);`, made);

/** All of them, by short names. */
export const bugs = {
  versionIgnored: {
    number: 3,
    bug: 'the version is ignored by the store',
    changes: [put(store, `if ((actors.get(change.id)?.version ?? 0) !== change.expected) return false;`, ``)],
  },
  checkThenAct: {
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
  noDedup: {
    number: 4,
    bug: 'no dedup: the inbox is neither looked up nor fenced',
    changes: [inboxNotLookedUp, put(store, `return change.handled.every(`, `return true || change.handled.every(`)],
  },
  noLookAfterDoubt: {
    number: 4,
    bug: 'the inbox is fenced, but not looked up after a doubt',
    changes: [put(batch, `entries.filter((entry) => !isGuess(entry)).map(`, `[].map(`)],
  },
  twiceInOneBatch: {
    number: 4,
    bug: 'two of the same command in one batch both count',
    changes: [put(batch, `if (remembered?.commandId === entry.commandId) handled.set(key, remembered);`, ``)],
  },
  noOutbox: {
    number: 5,
    bug: 'no outbox: messages are sent from memory and are in no commit',
    changes: [put(store, `for (const row of change.outbox) {`, `for (const row of []) {`)],
  },
  noSweep: {
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
  refusalRemembered: {
    number: 6,
    bug: 'a refused command is remembered as done',
    changes: [put(batch, `events.length > 0 || entry.timer !== undefined ||`, `events.length >= 0 ||`)],
  },
  inboxApart: {
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
  failureGivenUp: {
    number: 7,
    bug: 'a delivery that failed is given up',
    changes: [put(channel, `if ('retry' in answer) return`, `if ('retry' in answer && item.failures > 0) return`)],
  },
  markedBeforeSent: {
    number: 7,
    bug: 'a message is marked as sent before it is',
    changes: [
      put(
        channel,
        `const answers = await send(items.map(({ row }) => row));`,
        `for (const { row } of items) onEnd(row, { done: true });
      await new Promise((resolve) => setTimeout(resolve, 300));
      const answers = await send(items.map(({ row }) => row));`,
      ),
    ],
  },
  sentBeforeCommit: {
    number: 8,
    bug: 'messages leave before the commit',
    changes: [beforeCommit(sendAll)],
  },
  sentLongBeforeCommit: {
    number: 8,
    bug: 'messages leave long before the commit',
    changes: [beforeCommit(`${sendAll}\n      ${takeAWhile}`)],
  },
  lineSetsPrice: {
    number: 10,
    bug: 'the price is the one that came with the line',
    changes: [
      put(
        'services/orders/placing.ts',
        `return [{ productId, sku, name, quantity, unitPrice, partition, currency }];`,
        `return [{ productId, sku, name, quantity, unitPrice, partition, currency, ...wanted[i] }];`,
      ),
    ],
  },
  commandIdPerAttempt: {
    number: 11,
    bug: 'the command id is minted for each attempt',
    changes: [
      put(
        commandId,
        `return derivedId('command', scopeOf(principal), method, path, JSON.stringify(params), key);`,
        `return randomCommandId();`,
      ),
    ],
  },
  orderIdByChance: {
    number: 11,
    bug: 'the order id does not come from the command id',
    changes: [orderIdIs(`return derivedId(String(Math.random()));`)],
  },
  /** In the simulated shop ids by chance are those of its seed, so that a run can be repeated. */
  orderIdBySeed: {
    number: 11,
    bug: 'the order id does not come from the command id',
    changes: [orderIdIs(`return globalThis.simulatedId();`)],
  },
  connectionHeld: {
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
  keyWithoutOwner: {
    number: 13,
    bug: 'another customer’s answer: a key is not scoped to its owner',
    changes: [put(commandId, `derivedId('command', scopeOf(principal), method`, `derivedId('command', method`)],
  },
  keyWithoutUse: {
    number: 13,
    bug: 'a key is not scoped to what it was used for',
    changes: [put(commandId, `method, path, JSON.stringify(params), key);`, `method, path, key);`)],
  },
  changedRowsDropped: {
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
  nothingDropped: {
    number: 14,
    bug: 'nothing is dropped after a conflict, only the version is corrected',
    changes: [put(cache, `if (actor !== undefined) letGo(id, actor);`, `if (actor !== undefined) actor.version += 1;`)],
  },
  refusedBeforeCheck: {
    number: 15,
    bug: 'a refusal is answered before the version check',
    changes: [
      put(
        host,
        `if (lost.has(entry.id) || isUnproven)`,
        `if ((lost.has(entry.id) && !('told' in outcome && outcome.told.refused)) || isUnproven)`,
      ),
    ],
  },
  readNotConfirmed: {
    number: 15,
    bug: 'a version that was only read is not confirmed',
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
  refusedOnGuess: {
    number: 15,
    bug: 'a refusal rests on the guess that the command is new',
    changes: [put(host, `const isUnproven = isGuess(entry) &&`, `const isUnproven = false &&`)],
  },
  answeredBeforeCommit: { bug: 'an answer leaves before its commit', changes: [beforeCommit(answerAll)] },
  answeredLongBeforeCommit: {
    bug: 'an answer leaves long before its commit',
    changes: [beforeCommit(`${answerAll}\n      ${takeAWhile}`)],
  },
  acknowledgedBeforeEffect: {
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
  positionAhead: {
    bug: 'the position in the log moves before the commit',
    changes: [put(consume, `if (away !== undefined) throw new Error(away.retry);`, ``)],
  },
  positionAlone: {
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
  formerOwnerNotAsked: {
    bug: 'what the former owner of an actor has not delivered is not asked for',
    changes: [put(host, `if (follows) relay.follow(change.outbox);`, `if (follows) relay.push(change.outbox);`)],
  },
  loadedIsKnown: {
    bug: 'an actor passes for known as soon as it is loaded',
    changes: [put(cache, `version > 0 && notes.get(id) !== version;`, `version < 0 && notes.get(id) !== version;`)],
  },
  newerDoesNotWait: {
    bug: 'what comes while the older messages are asked for does not wait',
    changes: [
      put(relay, `if (takeover.holds(row.sender)) takeover.wait(row);`, `if (takeover.holds('')) takeover.wait(row);`),
    ],
  },
  eventIdPerAttempt: {
    bug: 'an event is published under a new id at each attempt',
    changes: [
      put(
        relay,
        `return { topic: target, key, id: messageId,`,
        `return { topic: target, key, id: globalThis.simulatedId(),`,
      ),
    ],
  },
  firstEventAlone: {
    bug: 'only the first event of a command is journaled',
    changes: [put(batch, `    journal.push({\n`, `    if (index === 0) journal.push({\n`)],
  },
  firstRowAlone: {
    bug: 'a change of several rows writes the first alone',
    changes: [put(batch, `draft.changed.add(key);`, `if (draft.changed.size === 0) draft.changed.add(key);`)],
  },
} satisfies Record<string, PlantedBug>;
