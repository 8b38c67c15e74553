// Goal: whatever the storage and the nodes do, consumers get every event, in the order of its partition, without a gap; what
// can never be handled is put aside once; and positions end where the log does.
// Method: producers and two consuming nodes over one storage in memory, in virtual time. Every question to the storage
// takes a while before and after it acts; some are refused, some answers are lost; nodes die and others take their place.
// `SEED=<n> RUNS=1` replays a run exactly.

import { describe, expect, it } from '@jest/globals';
import { inVirtualTime, pause } from '../mixins/virtual-time.testing.ts';
import { type LogRecord, type NewEvent, PermanentFailure } from './event-log.ts';
import { type LogStorage, LogUnavailable } from './log-storage.ts';
import { memoryStorage } from './memory-log.ts';
import { createStoredLog, type StoredLog } from './stored-log.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 1_000);
const BLOCK = 250;
const TOPIC = 'product.deleted';
const GROUP = 'sim';
const LEASE_MS = 300;
/** Longer than any pause of a partition and any lease. */
const SETTLED_MS = 5_000;
const KEYS = 3;
const EVENTS_OF_A_KEY = 15;
const CHANCE = { refused: 0.02, 'answer lost': 0.02, outage: 0.1, 'node dies': 0.05, bad: 0.1 };
type Fault = keyof typeof CHANCE | 'repeated';

/** Small, fast, and good enough to choose faults (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One run; returns how often each fault happened. @throws if the log broke a promise */
async function campaign(seed: number): Promise<Record<Fault, number>> {
  const random = generator(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const faults: Record<Fault, number> = {
    refused: 0,
    'answer lost': 0,
    outage: 0,
    'node dies': 0,
    bad: 0,
    repeated: 0,
  };
  let calm = false;
  const happens = (fault: keyof typeof CHANCE): boolean => {
    const does = random() < CHANCE[fault] && !calm;
    if (does) faults[fault] += 1;
    return does;
  };

  const truth = memoryStorage();
  const all: NewEvent[] = [];
  const bad = new Set<string>();
  for (let n = 0; n < KEYS * EVENTS_OF_A_KEY; n++) {
    const [key, id] = [`key-${n % KEYS}`, `event-${n}`];
    all.push({ topic: TOPIC, key, id, source: 'sim', time: n, data: { productId: key, sku: 'CUP', version: 1 } });
    if (happens('bad')) bad.add(id);
  }
  const good = all.filter(({ id }) => !bad.has(id));

  /** What consumers have done: ids in the order of their first effect, and how far each partition is. */
  const effects: string[] = [];
  const known = new Set<string>();
  const done = new Map<number, number>();
  const aside = new Set<string>();
  /** Promises that were broken; thrown from a consumer they would pass for an outage. */
  const promises: string[] = [];
  const skipAside = (partition: number, offset: number): number =>
    aside.has(`${partition}/${offset}`) ? skipAside(partition, offset + 1) : offset;

  async function handle(records: readonly LogRecord[]): Promise<void> {
    const [{ partition, offset }] = records as [LogRecord];
    if (offset > skipAside(partition, done.get(partition) ?? 0)) promises.push(`${partition}/${offset} came too soon`);
    let next = offset;
    for (const record of records) {
      if (record.offset < next || record.offset > skipAside(partition, next))
        promises.push(`a gap before ${record.offset}`);
      next = record.offset + 1;
    }
    await pause(below(20));
    if (happens('outage')) throw new Error('the database is away');
    const broken = records.find(({ id }) => bad.has(id));
    if (broken !== undefined) {
      aside.add(`${partition}/${broken.offset}`);
      throw new PermanentFailure(broken.offset, 'broken');
    }
    for (const { id } of records) {
      if (known.has(id)) faults.repeated += 1;
      else effects.push(id);
      known.add(id);
    }
    done.set(partition, Math.max(done.get(partition) ?? 0, next));
  }

  const open: StoredLog[] = [];
  async function node(): Promise<{ readonly log: StoredLog; readonly kill: () => void }> {
    let dead = false;
    const mortal = new Proxy(truth, {
      get(target, property: keyof LogStorage) {
        const ask = target[property] as (...given: unknown[]) => Promise<unknown>;
        return async (...given: unknown[]) => {
          await pause(below(5));
          if (dead || happens('refused')) throw new LogUnavailable('refused');
          const answer = await ask.apply(target, given);
          await pause(below(30));
          if (dead || happens('answer lost')) throw new LogUnavailable('no answer');
          return answer;
        };
      },
    });
    const log = createStoredLog({ storage: mortal, alert: () => {}, leaseMs: LEASE_MS });
    const consumer = { group: GROUP, topics: [TOPIC], batchMax: 1 + below(5), handle };
    for (;;) {
      try {
        await log.subscribe(consumer);
        break;
      } catch {
        await pause(10);
      }
    }
    open.push(log);
    return {
      log,
      kill() {
        dead = true;
        open.splice(open.indexOf(log), 1);
      },
    };
  }

  const nodes = [await node(), await node()];

  async function produce(key: string): Promise<void> {
    const mine = all.filter((event) => event.key === key);
    while (mine.length > 0) {
      await pause(below(40));
      const events = mine.splice(0, 1 + below(3));
      // What was not acknowledged is sent again, at any node.
      while (
        !(await nodes[below(2)]?.log.append(events).then(
          () => true,
          () => false,
        ))
      )
        await pause(below(50));
      if (!happens('node dies')) continue;
      const place = below(2);
      nodes[place]?.kill();
      nodes[place] = await node();
    }
  }
  await Promise.all(Array.from({ length: KEYS }, (_, n) => produce(`key-${n}`)));
  calm = true;
  const isBehind = async () =>
    (await truth.ends()).some(
      ({ topic, partition, offset }) => topic === TOPIC && offset > skipAside(partition, done.get(partition) ?? 0),
    );
  while (await isBehind()) await pause(50);
  // What was last done by a node that died is offered again to those that live.
  await pause(SETTLED_MS);
  await Promise.all(open.map((log) => log.close()));
  await pause(LEASE_MS);

  expect(promises).toEqual([]);
  for (let n = 0; n < KEYS; n++) {
    const ofKey = good.filter(({ key }) => key === `key-${n}`).map(({ id }) => id);
    expect(effects.filter((id) => ofKey.includes(id))).toEqual(ofKey);
  }
  expect(new Set((await truth.deadLetters()).map(({ record }) => record.id))).toEqual(bad);
  for (const { offset, end } of await truth.claim(GROUP, [TOPIC], 'checker', LEASE_MS)) expect(offset).toBe(end);
  return faults;
}

describe(`${RUNS} campaigns from seed ${SEED}`, () => {
  const sums: Partial<Record<Fault, number>> = {};

  const blocks = Array.from({ length: Math.ceil(RUNS / BLOCK) }, (_, i) => SEED + i * BLOCK);
  it.each(blocks)('lose, skip and reorder nothing (from seed %i)', async (first) => {
    for (let seed = first; seed < Math.min(first + BLOCK, SEED + RUNS); seed++) {
      const faults = await inVirtualTime(() => campaign(seed)).catch((error: Error) => {
        throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
      });
      for (const [fault, count] of Object.entries(faults)) sums[fault as Fault] = (sums[fault as Fault] ?? 0) + count;
    }
  });

  it('met every fault', () => {
    if (RUNS >= BLOCK) expect(Object.entries(sums).filter(([, count]) => count < RUNS / 10)).toEqual([]);
    expect(Object.keys(sums)).toHaveLength(6);
  });
});
