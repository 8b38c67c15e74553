// Looks into the books during a run, every so often: balances, money and outboxes in one snapshot, and memory.
//
//   provider's book ─► snapshot { balances, lags, orders and payments that have changed } ─► provider's book ─► Sample
//
// Servers may be away: a look that fails is counted, and the next one is made all the same (looks.ts).

import { basename } from 'node:path';
import { setImmediate as immediately } from 'node:timers/promises';
import type { Order } from '../../../actors/order-messages.ts';
import { paymentIdOf, type Payment } from '../../../actors/payment.ts';
import { skuKey, type SkuRow } from '../../../actors/stock.ts';
import { commandLine, memoryOf, treeOf } from '../../../infra/local/process-tree.ts';
import { type Ask, type BookDatabase, openBookDatabase } from './book-database.ts';
import type { Sample } from './books.ts';
import { createFollower } from './follower.ts';
import { type Looks, startLooks } from './looks.ts';
import type { Mark } from './mark.ts';
import { type Account, accountOf, createHeld, sumUp } from './money.ts';
import { actorContexts } from './postgres.ts';
import { readLedgerFrom } from './provider.ts';

const EVERY_MS = 1_000;
/** A server that is frozen is not waited for. */
const ANSWER_MS = 3_000;
/** Who is older than the run is asked before the first look, and may take so long. */
const OLDER_MS = 60_000;
/** The memory of sixty processes takes long to add up, and is asked for by the minute. */
const MEMORY_EVERY_MS = 30_000;
/** Samples of a run of two hours; more are not kept. */
const SAMPLES_MAX = 7_200;

export interface SamplerOptions {
  readonly postgresUrl: string;
  readonly dataDir: string;
  /** Only what is from then on. */
  readonly since: Mark;
  /** Only the stock of these, asked for at each look; missing: of all. */
  readonly skus?: () => readonly string[];
  /** Default: a second. */
  readonly everyMs?: number;
  /** A look that takes longer fails, in milliseconds. Default: three seconds. */
  readonly answerMs?: number;
  /** Processes of the shop; default: all that this one has started. */
  readonly processes?: () => readonly number[];
}

export type Sampler = Looks<Sample>;

/** Begins to look; `stop` it. */
export function startSampler(options: SamplerOptions): Sampler {
  const { everyMs = EVERY_MS, answerMs = ANSWER_MS } = options;
  const database = openBookDatabase(options.postgresUrl, answerMs);
  const patient = openBookDatabase(options.postgresUrl, OLDER_MS);
  const look = createLook(database, options, patient);
  const memory = createMemory(options.processes ?? (() => treeOf(process.pid).slice(1)));
  return startLooks({
    async look() {
      const seen = await look();
      const used = await memory();
      return { ...seen, ...(used === undefined ? {} : { memory: used }) };
    },
    everyMs,
    keepMax: SAMPLES_MAX,
    async close() {
      await database.close();
      await patient.close();
    },
  });
}

/** Memory of the shop's processes in bytes, if it is time; undefined where nobody can tell. */
function createMemory(processes: () => readonly number[]): () => Promise<Readonly<Record<string, number>> | undefined> {
  let measuredAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (process.platform !== 'linux' || performance.now() - measuredAt < MEMORY_EVERY_MS) return undefined;
    measuredAt = performance.now();
    const used: Record<string, number> = {};
    for (const pid of processes()) {
      used[`${pid} ${programOf(commandLine(pid))}`] = memoryOf(pid);
      // Clients run in this process as well: they are not held up by all of it at once.
      await immediately();
    }
    return used;
  };
}

/** The program, and the script or class that it runs. */
function programOf([program = 'gone', ...words]: readonly string[]): string {
  const script = words.findLast((word) => /\.(?:[cm]?[jt]s|jar)$|^kafka\./.test(word));
  return [program, ...(script === undefined ? [] : [script])].map((word) => basename(word)).join(' ');
}

/**
 * Looks once; each look reads of orders and payments only what has changed since the one before.
 * @param patient asked before the first look for what may take longer than a look
 */
export function createLook(
  database: Pick<BookDatabase, 'snapshot' | 'ask'>,
  { dataDir, since, skus }: Pick<SamplerOptions, 'dataDir' | 'since' | 'skus'>,
  patient: Pick<BookDatabase, 'ask'> = database,
): () => Promise<Sample> {
  const held = createHeld();
  const orders = createFollower<Order>('orders', since.at);
  const payments = createFollower<Payment>('payments', since.at);
  const accounts = new Map<string, Account>();
  /** Orders of which something has changed and is not in their account yet: a look that fails leaves it to the next one. */
  const changed = new Set<string>();
  let place = since.ledger;

  /** What is new in the provider's book, in the running account; tells which orders it touched. */
  function takeLedger(): ReadonlySet<string> {
    const part = readLedgerFrom(dataDir, place, Number.MAX_SAFE_INTEGER);
    place = part.end;
    return held.take(part);
  }

  return async () => {
    await orders.begin(patient.ask);
    await payments.begin(patient.ask);
    return await database.snapshot(async (ask) => {
      takeLedger();
      // A snapshot is taken by the first question, so the provider's book was read before it.
      const [clock] = await ask('select (extract(epoch from clock_timestamp()) * 1000)::float8 as at');
      const balances = await readBalances(ask, skus?.());
      const outboxLag = await readLags(ask);
      for (const id of await orders.follow(ask)) changed.add(id);
      for (const id of await payments.follow(ask)) changed.add(orderOf(id));
      const before = new Map(held.of);
      const touched = takeLedger();
      for (const id of changed) {
        const order = orders.states.get(id);
        if (order !== undefined) accounts.set(id, accountOf(order, payments.states.get(paymentIdOf(id))));
      }
      changed.clear();
      return { at: clock?.['at'], balances, outboxLag, money: sumUp(accounts, before, touched) };
    });
  };
}

const orderOf = (paymentId: string): string => paymentId.slice(paymentIdOf('').length);

async function readBalances(ask: Ask, skus: readonly string[] | undefined): Promise<Sample['balances']> {
  const rows = await ask(
    skus === undefined
      ? `select actor_id, key, data from inventory.rows where key like 'sku:%' order by actor_id, key`
      : `select actor_id, key, data from inventory.rows where actor_id in (select id from inventory.actors)
         and key in (select jsonb_array_elements_text($1::jsonb) collate "C") order by actor_id, key`,
    skus === undefined ? [] : [JSON.stringify(skus.map(skuKey))],
  );
  return rows.map(({ actor_id, key, data }) => {
    return { ...(JSON.parse(data) as SkuRow), partition: actor_id, sku: key.slice(skuKey('').length) };
  });
}

async function readLags(ask: Ask): Promise<Sample['outboxLag']> {
  const lags = actorContexts.map(
    (context) =>
      `select '${context}' as context, (extract(epoch from now() - min(stored_at)) * 1000)::float8 as ms
       from ${context}.outbox where sent_at is null ${context === 'payments' ? "and kind <> 'perform'" : ''}`,
  );
  const rows = await ask(lags.join(' union all '));
  return Object.fromEntries(rows.map(({ context, ms }) => [context, Math.max(0, ms ?? 0)]));
}
