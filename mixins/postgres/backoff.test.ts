// Goal: a server that refuses is asked by one connection per `BACKOFF_MS` and pool, whoever wants one hears the refusal at
// once, and the first connection that succeeds opens the way for all.
// Method: a pool whose clients note their attempts and are answered by the test, on a clock of the test's own.
import { beforeEach, expect, it } from '@jest/globals';
import { BACKOFF_MS, backOffWhenRefused } from './backoff.ts';
import type { Pool } from './connection.ts';

type Done = (error?: Error | null) => void;

let now: number;
let attempts: Done[];
let connect: () => Promise<Error | null | undefined>;
beforeEach(() => {
  now = 1_000;
  attempts = [];
  class Client {
    connect(done: Done): void {
      attempts.push(done);
    }
  }
  const pool = { Client } as unknown as Pool;
  backOffWhenRefused(pool, () => now);
  connect = () => new Promise((resolve) => new pool.Client({}).connect(resolve));
});

const recovering = Object.assign(new Error('the database system is in recovery mode'), {
  severity: 'FATAL',
  code: '57P03',
});
const nobodyThere = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

const named = (errors: readonly Error[]) => errors.map((error) => [error.message, error] as const);

it.each(named([recovering, nobodyThere]))('leaves a server alone that said: %s', async (_, refusal) => {
  const first = connect();
  attempts[0]!(refusal);
  expect(await first).toBe(refusal);
  now += BACKOFF_MS - 1;
  expect(await Promise.all([connect(), connect()])).toEqual([refusal, refusal]);
  expect(attempts).toHaveLength(1);
});

it('then asks once, however many want to, and again after as long', async () => {
  void connect();
  attempts[0]!(recovering);
  for (const round of [2, 3, 4]) {
    now += BACKOFF_MS;
    const asking = connect();
    expect(await Promise.all([connect(), connect()])).toEqual([recovering, recovering]);
    expect(attempts).toHaveLength(round);
    attempts.at(-1)!(recovering);
    expect(await asking).toBe(recovering);
  }
});

it('lets everybody in when it succeeds', async () => {
  void connect();
  attempts[0]!(recovering);
  now += BACKOFF_MS;
  const asking = connect();
  attempts[1]!(null);
  expect(await asking).toBeNull();
  void connect();
  void connect();
  expect(attempts).toHaveLength(4);
});

it('asks again where the one attempt is not answered', async () => {
  void connect();
  attempts[0]!(recovering);
  now += BACKOFF_MS;
  void connect();
  now += BACKOFF_MS;
  void connect();
  expect(attempts).toHaveLength(3);
});

const otherwise = [
  new Error('Connection terminated unexpectedly'),
  Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  Object.assign(new Error('password authentication failed'), { severity: 'FATAL', code: '28P01' }),
];

it.each(named(otherwise))('takes for no refusal: %s', async (_, error) => {
  const first = connect();
  attempts[0]!(error);
  expect(await first).toBe(error);
  void connect();
  expect(attempts).toHaveLength(2);
});
