// `node load/bench-store.ts [--url URL] [--seconds N] [--state BYTES]`: what the PostgreSQL store does in a second, without
// a shop around it. Each change writes an actor, a journal entry, an inbox row and two outbox rows, which are acknowledged
// afterwards. Takes a PostgreSQL of its own, and shows its CPU, unless it is given one.

import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { treeOf } from '../infra/local/process-tree.ts';
import { openDatabase } from '../mixins/postgres/database.ts';
import { postgresStore } from '../mixins/postgres/store.ts';
import { actorMigrations } from '../mixins/postgres/testing.ts';
import { type ActorStore, bucketOf, type Change, type Outgoing } from '../mixins/store.ts';

const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    state: { type: 'string', default: '600' },
    actors: { type: 'string', default: '20000' },
  },
});
const SECONDS = Number(values.seconds);
const ACTORS = Number(values.actors);
const TICKS_PER_SECOND = 100;
const SENDS = 2;

/** An order's lines, of about as many bytes as asked for. */
const state = {
  lines: Array.from({ length: Math.ceil(Number(values.state) / 75) }, (_, i) => ({
    sku: `8512${i}A`,
    name: 'WHITE HANGING "HEART" T-LIGHT HOLDER',
    quantity: i,
  })),
};

interface Known {
  readonly id: string;
  version: number;
}

interface Work {
  readonly name: string;
  readonly store: ActorStore;
  /** Changes of the next batch. */
  next(): Change[];
}

function outgoing(sender: string, version: number, index: number): Outgoing[] {
  return Array.from({ length: SENDS }, (_, n) => ({
    messageId: `order/${sender}/${version}/${index}/${n}`,
    kind: 'send',
    target: 'stock',
    sender,
    key: 'main',
    body: JSON.stringify({ type: 'Reserve', data: { lines: state.lines.slice(0, 3) } }),
    sealed: false,
    at: Date.now(),
    bucket: bucketOf(sender, 'main'),
  }));
}

/** One command for one actor. */
function single({ id, version }: Known): Change {
  const [commandId, next] = [randomUUID(), version + 1];
  return {
    id,
    expected: version,
    version: next,
    state,
    rows: [],
    journal: [{ id, version: next, index: 0, type: 'Placed', data: state, commandId, at: Date.now() }],
    handled: [{ id, commandId, version: next }],
    outbox: outgoing(id, next, 0),
    timers: [],
    cancelled: [],
  };
}

/** Many commands for one actor with rows: each touches a SKU and a reservation. */
function stockBatch(actor: Known, commands: number): Change {
  const versions = Array.from({ length: commands }, (_, i) => actor.version + 1 + i);
  const ids = versions.map(() => randomUUID());
  const skus = new Set(versions.map(() => `sku/${Math.floor(Math.random() * 3_600)}`));
  return {
    id: actor.id,
    expected: actor.version,
    version: actor.version + commands,
    rows: [
      ...[...skus].map((key) => ({ key, data: { kind: 'sku', received: 1_000, onHand: 1_000, reserved: 3, sold: 4 } })),
      ...ids.map((id) => ({
        key: `reservation/${id}`,
        data: { kind: 'reservation', lines: [{ sku: '85123A', quantity: 1 }] },
      })),
    ],
    journal: versions.map((version, i) => ({
      id: actor.id,
      version,
      index: 0,
      type: 'Reserved',
      data: { reservation: ids[i] },
      commandId: ids[i] as string,
      at: Date.now(),
    })),
    handled: versions.map((version, i) => ({ id: actor.id, commandId: ids[i] as string, version })),
    outbox: versions.flatMap((version) => outgoing(actor.id, version, 0)),
    timers: [],
    cancelled: [],
  };
}

/** CPU seconds that the PostgreSQL below this process has used. */
function cpuOfPostgres(): number {
  let ticks = 0;
  for (const pid of treeOf(process.pid)) {
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : '';
    if (!stat.includes('(postgres)')) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

async function measure({ name, store, next }: Work, commandsPerChange: number): Promise<void> {
  const [cpu, own, started] = [cpuOfPostgres(), process.cpuUsage(), performance.now()];
  const times: number[] = [];
  let commands = 0;
  while (performance.now() - started < SECONDS * 1_000) {
    const changes = next();
    const before = performance.now();
    const loaded = changes.flatMap(({ id, handled }) => handled.map(({ commandId }) => ({ id, commandId })));
    await store.load({ ids: [], rows: [], commands: loaded });
    const won = await store.commit(changes);
    times.push(performance.now() - before);
    if (won.size !== changes.length) throw new Error(`${changes.length - won.size} changes lost without a rival`);
    commands += changes.length * commandsPerChange;
    await store.acknowledge(changes.flatMap(({ outbox }) => outbox));
  }
  const seconds = (performance.now() - started) / 1_000;
  const used = process.cpuUsage(own);
  const perCommand = (total: number) => `${((total / commands) * 1e6).toFixed(0)} µs`;
  times.sort((a, b) => a - b);
  console.log(
    `${name.padEnd(40)} ${(commands / seconds).toFixed(0).padStart(7)}/s   load + commit p50 ${times[times.length >> 1]?.toFixed(2)} ms` +
      `   CPU each: PostgreSQL ${perCommand(cpuOfPostgres() - cpu)}, here ${perCommand((used.user + used.system) / 1e6)}`,
  );
}

async function main(url: string): Promise<void> {
  const open = (schema: string) =>
    openDatabase({ url, schema: `bench_${schema}_${process.pid}`, migrations: actorMigrations() });
  const [orders, inventory] = [await open('orders'), await open('inventory')];
  try {
    const store = postgresStore({ database: orders, actor: 'order' });
    const stock = postgresStore({ database: inventory, actor: 'stock', rowsActor: true });
    const known: Known[] = Array.from({ length: ACTORS }, () => ({ id: randomUUID(), version: 0 }));
    const take = (some: readonly Known[]) => {
      const changes = some.map(single);
      for (const actor of some) actor.version += 1;
      return changes;
    };
    for (let i = 0; i < known.length; i += 250) {
      const changes = take(known.slice(i, i + 250));
      await store.commit(changes);
      await store.acknowledge(changes.flatMap(({ outbox }) => outbox));
    }
    const any = (count: number) => {
      const some = new Set<Known>();
      while (some.size < count) some.add(known[Math.floor(Math.random() * known.length)] as Known);
      return take([...some]);
    };
    const fresh = (count: number) => Array.from({ length: count }, () => single({ id: randomUUID(), version: 0 }));
    const shelf: Known = { id: 'main', version: 0 };
    const many = (count: number) => {
      const change = stockBatch(shelf, count);
      shelf.version += count;
      return [change];
    };
    for (const size of [1, 8, 64, 256]) {
      await measure({ name: `${size} known actors a batch`, store, next: () => any(size) }, 1);
      await measure({ name: `${size} new actors a batch`, store, next: () => fresh(size) }, 1);
      await measure({ name: `${size} commands of one actor with rows`, store: stock, next: () => many(size) }, size);
    }
  } finally {
    for (const database of [orders, inventory]) {
      await database.orm.em.execute(`set statement_timeout = 0; drop schema ${database.schema} cascade`);
      await database.close();
    }
  }
}

if (values.url !== undefined) await main(values.url);
else {
  const child = fork(fileURLToPath(new URL('../infra/local/postgres-for-tests.ts', import.meta.url)));
  const [ready] = (await once(child, 'message')) as [{ url: string }];
  try {
    await main(ready.url);
  } finally {
    child.disconnect();
    await once(child, 'exit');
  }
}
