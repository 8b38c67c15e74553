// People of every kind at a whole shop in this process, for some seconds: everything that can be done is done, nothing is
// answered that should never be, and what was recorded can be read and is linearizable.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { startTestShop, type TestShop, until } from '../../../infra/local/shop.fixture.ts';
import type { Database } from '../../../mixins/postgres/database.ts';
import type { Books } from '../books/books.ts';
import { openBooks } from '../books/read-books.ts';
import type { Evidence } from '../checkers/checker.ts';
import { checkLinearizable } from '../checkers/stock-linearizable.ts';
import { type Ending, type History, type Operation, operationKinds, outcomeOf } from '../history/operation.ts';
import { readHistory } from '../history/read-history.ts';
import { createRecorder, type Recorder } from '../history/recorder.ts';
import { startWorkload, type Workload } from './workload.ts';

const PER_SECOND = 60;
/** Operations in turns at least, and of a burst beside them. */
const OPERATIONS = 300;
const BURST = 60;

let shop: TestShop;
let folder: string;
let path: string;
let history: History;
let books: Books;
let workload: Workload;
let begun: { before: number; after: number; all: number; tookMs: number };

beforeAll(async () => {
  shop = await startTestShop();
  folder = mkdtempSync(join(tmpdir(), 'souk-workload-'));
  path = join(folder, 'history.jsonl');
  const file = createRecorder(path);
  const kindOf = new Map<number, Operation['kind']>();
  const granted = new Set<Operation['kind']>();
  let [reused, again] = [0, 0];
  const intents = new Set<string>();
  const recorder: Recorder = {
    ...file,
    get begun() {
      return file.begun;
    },
    begin(invocation) {
      const id = file.begin(invocation);
      kindOf.set(id, invocation.kind);
      if (invocation.kind === 'place-order' && intents.has(invocation.intent)) again += 1;
      intents.add(invocation.intent);
      return id;
    },
    end(id, ending) {
      file.end(id, ending);
      if (ending.outcome === 'ok') granted.add(kindOf.get(id) as Operation['kind']);
      if (ending.answer?.code === 'idempotency-key-reused') reused += 1;
    },
  };
  const options = { cluster: { url: shop.url, staff: shop.staff }, seed: 6, recorder, customers: 8 };
  workload = await startWorkload({ ...options, perSecond: PER_SECOND });
  const [before, startedAt] = [recorder.begun, performance.now()];
  // However slow the machine is: until everything was done once.
  await until(
    'everything was done',
    () => recorder.begun - before >= OPERATIONS && granted.size === operationKinds.length && reused > 1 && again > 2,
    60_000,
  );
  const tookMs = performance.now() - startedAt;
  const after = recorder.begun;
  const burst = workload.load.burst(2 * PER_SECOND);
  await until('the burst', () => recorder.begun - after >= BURST, 30_000);
  await burst.stop();
  await workload.stop();
  await workload.close();
  begun = { before, after, tookMs, all: recorder.begun };
  await recorder.close();
  ({ history } = await readHistory(path));
  const { database } = shop.broker.getLocalService('orders') as unknown as { readonly database: Database };
  const { connectionString } = database.orm.config.get<'driverOptions', { connectionString: string }>('driverOptions');
  const reader = await openBooks({ postgresUrl: connectionString, dataDir: shop.dataDir });
  books = await reader.read();
  await reader.close();
}, 120_000);
afterAll(async () => {
  await shop?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const ofKind = (kind: Operation['kind']) => history.filter((operation) => operation.kind === kind);
const isOf = (part: string) => (operation: Operation) => operation.process.startsWith(part);

describe('the workload', () => {
  it('does everything that can be done, and nothing is answered with a fault of the shop', () => {
    const granted = new Set(history.filter((one) => outcomeOf(one) === 'ok').map(({ kind }) => kind));
    expect(operationKinds.filter((kind) => !granted.has(kind))).toEqual([]);
    // A busy machine may keep somebody waiting for too long, but nothing breaks.
    expect(history.filter(({ ending }) => (ending?.status ?? 0) >= 500 && ending?.status !== 503)).toEqual([]);
    // What was refused was meant to be.
    const codes = history.flatMap(({ kind, ending }) =>
      ending?.outcome === 'fail' && ending.status !== 503 ? [`${kind}: ${ending?.answer?.code}`] : [],
    );
    const expected =
      /^(.*: idempotency-key-reused|(place-order|write-off-stock): insufficient-stock|change-account: precondition-failed|(cancel|ship|deliver|refund)-order: (wrong-state|too-many-pieces)|change-cart: .*)$/;
    expect([...new Set(codes)].filter((code) => !expected.test(code))).toEqual([]);
  });

  it('begins as many operations a second as it shall, a tenth to a third of them orders', () => {
    const perSecond = ((begun.after - begun.before) * 1_000) / begun.tookMs;
    expect(perSecond).toBeGreaterThan(0.8 * PER_SECOND);
    expect(perSecond).toBeLessThan(1.2 * PER_SECOND);
    expect(workload.missed).toBe(0);
    const inTurns = history.slice(begun.before, begun.after);
    const orders = inTurns.filter(({ kind }) => kind === 'place-order').length / inTurns.length;
    expect(orders).toBeGreaterThan(0.1);
    expect(orders).toBeLessThan(0.33);
  });

  it('has clients that do one thing at a time', () => {
    for (const [process, operations] of Map.groupBy(history, (operation) => operation.process))
      operations.reduce((before, operation) => {
        if ((before.ending?.endedAt ?? Number.POSITIVE_INFINITY) > operation.at)
          throw new Error(`${process} began ${operation.id} before ${before.id} had ended`);
        return operation;
      });
  });

  it('wants everything once: attempts of one intent are one request, under one key', () => {
    for (const [intent, attempts] of Map.groupBy(history, (operation) => operation.intent)) {
      const said = new Set(
        attempts.map(({ principal, method, path: to, key, body }) =>
          JSON.stringify([principal, method, to.split('?')[0], key, body]),
        ),
      );
      const isPaged = attempts.every(({ kind }) => kind === 'list-orders');
      if (said.size !== 1 && !isPaged) throw new Error(`${intent} is ${[...said].join(' and ')}`);
    }
    const repeated = [...Map.groupBy(ofKind('place-order'), ({ intent }) => intent).values()]
      .map((attempts) =>
        attempts.filter((attempt) => outcomeOf(attempt) !== 'unknown' && attempt.ending?.status !== 202),
      )
      .filter(({ length }) => length > 1);
    for (const [first, second] of repeated) {
      expect(second?.ending?.status).toBe(first?.ending?.status);
      expect(second?.ending?.answer).toEqual(first?.ending?.answer);
    }
  });

  it('uses used keys for something else, and is refused', () => {
    const others = [
      ...Map.groupBy(
        history.filter(({ key }) => key !== undefined),
        ({ principal, path: to, key }) => `${principal} ${to} ${key}`,
      ).values(),
    ].filter((attempts) => new Set(attempts.map(({ intent }) => intent)).size > 1);
    expect(others.length).toBeGreaterThan(0);
    const statuses = others.flatMap((attempts) =>
      attempts.flatMap(({ intent, ending }) => (intent === attempts[0]?.intent ? [] : [ending?.status])),
    );
    expect(statuses).toContain(422);
    expect(statuses.filter((status) => ![422, 503, undefined].includes(status))).toEqual([]);
  });

  it('reads back every acknowledged order, every list to its end, every account, cart and stock', () => {
    const closing = history.filter(isOf('closing'));
    const acknowledged = new Set(
      ofKind('place-order').flatMap(({ ending }) => (ending?.outcome === 'ok' ? [ending.answer.id as string] : [])),
    );
    const readBack = new Set(
      closing.flatMap(({ kind, ending }) =>
        kind === 'read-order' && ending?.outcome === 'ok' ? [ending.answer.id as string] : [],
      ),
    );
    expect(readBack).toEqual(acknowledged);
    const listed = new Set(
      closing.flatMap(({ kind, ending }) =>
        kind === 'list-orders' ? ((ending?.answer?.items ?? []) as { id: string }[]).map(({ id }) => id) : [],
      ),
    );
    const customers = new Set(ofKind('register').map(({ ending }) => ending?.answer.user.id as string));
    const theirs = ofKind('place-order').filter(
      ({ principal, ending }) => customers.has(principal) && ending?.outcome === 'ok',
    );
    expect(theirs.length).toBeGreaterThan(0);
    expect(theirs.filter(({ ending }) => !listed.has(ending?.answer.id))).toEqual([]);
    const count = (kind: Operation['kind']) =>
      closing.filter((operation) => operation.kind === kind && outcomeOf(operation) === 'ok').length;
    expect([count('read-account'), count('read-cart'), count('read-stock')]).toEqual([8, 8, workload.products.length]);
  });

  it('tells no secrets', () => {
    const text = readFileSync(path, 'utf8');
    for (const secret of ['accessToken', 'refreshToken', 'password of', '"token":"s', 'Bearer'])
      expect(text).not.toContain(secret);
    expect(text).toContain('"token":"tok_declined"');
  });

  it('is recorded whole', () => {
    expect(history).toHaveLength(begun.all);
    expect(history.filter(({ ending }) => ending === undefined)).toEqual([]);
  });
});

describe('its history', () => {
  const evidence = (changed: History): Evidence => ({
    history: changed,
    books,
    faults: [],
    from: 0,
    to: 0,
    paymentDeadlineMs: 20_000,
    products: workload.products,
  });

  it('is linearizable, SKU by SKU', () => {
    const [holds, decided] = checkLinearizable(evidence(history));
    expect(holds).toMatchObject({ wrong: [] });
    expect(holds?.looked).toBeGreaterThan(300);
    expect(decided).toMatchObject({ looked: workload.products.length });
    expect(decided).not.toHaveProperty('partly');
  });

  it('no longer is, if any answer about the stock of a SKU had been another', () => {
    const chance = chanceOf(6);
    const told = history.filter(({ kind, ending, skus }) => {
      if (ending?.outcome !== 'ok') return false;
      return kind === 'read-stock' || ((kind === 'receive-stock' || kind === 'write-off-stock') && skus !== undefined);
    });
    for (let n = 0; n < 5; n++) {
      const changed = chance.pick(told);
      const { answer, ...rest } = changed.ending as Ending;
      const lie = { ...answer, available: answer.available + 1_000, received: answer.received + 1_000 };
      const wrong = history.map((operation) =>
        operation === changed ? { ...operation, ending: { ...rest, answer: lie } } : operation,
      );
      expect(checkLinearizable(evidence(wrong))[0]).toMatchObject({ wrongCount: 1 });
    }
  });
});
