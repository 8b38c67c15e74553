import { describe, expect, it } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import type { Json } from '../history/operation.ts';
import type { Begun, Ended, Recorder } from '../history/recorder.ts';
import { type Client, createClient, type Wish } from './client.ts';
import { outcomeOfAnswer } from './outcome.ts';
import type { Reply, Request } from './single-attempts.ts';
import { NoMoreTurns } from './turns.ts';

const wish: Wish = {
  kind: 'place-order',
  principal: 'ada',
  method: 'POST',
  path: '/api/v1/orders',
  key: 'k',
  body: { a: 1 },
};
const answer = (status: number, body: Json = {}, headers: Record<string, string> = {}): Reply => ({
  status,
  headers,
  body,
});
const busy = answer(503, { code: 'overloaded' }, { 'retry-after': '0' });
const broken: Reply = { error: 'ECONNRESET: the connection broke' };

/** A client whose requests are answered by these, one after another, and what it recorded and sent. */
function clientOf(replies: readonly Reply[], options: { readonly isDogged?: boolean; readonly seed?: number } = {}) {
  const recorded: { begun: Begun; ended?: Ended }[] = [];
  const sent: Request[] = [];
  const recorder = {
    begin: (begun: Begun) => recorded.push({ begun }) - 1,
    end: (id: number, ended: Ended) => void Object.assign(recorded[id] as object, { ended }),
  } as unknown as Recorder;
  const ending = new AbortController();
  const wire = {
    send(request: Request): Promise<Reply> {
      sent.push(request);
      return Promise.resolve(replies[Math.min(sent.length, replies.length) - 1] as Reply);
    },
    close: () => {},
  };
  const client: Client = createClient({
    process: 'customer-1',
    chance: chanceOf(options.seed ?? 1),
    wire,
    recorder,
    run: 'run',
    turn: () => (ending.signal.aborted ? Promise.reject(new NoMoreTurns()) : Promise.resolve()),
    signal: ending.signal,
    ...(options.isDogged === undefined ? {} : { isDogged: options.isDogged }),
  });
  return { client, recorded, sent, end: () => ending.abort() };
}

describe('a client', () => {
  it('tries again under the same key until it is told, each attempt an operation of one intent', async () => {
    const { client, recorded, sent } = clientOf([busy, broken, answer(201, { id: 'x' })], { isDogged: true });
    expect(await client.want(wish)).toMatchObject({ outcome: 'ok', status: 201 });
    expect(recorded.map(({ ended }) => [ended?.outcome, ended?.status, ended?.error, ended?.retryAfter])).toEqual([
      ['unknown', 503, undefined, 0],
      ['unknown', undefined, 'ECONNRESET: the connection broke', undefined],
      ['ok', 201, undefined, undefined],
    ]);
    expect(new Set(recorded.map(({ begun }) => begun.intent)).size).toBe(1);
    expect(sent.map(({ headers }) => headers['idempotency-key'])).toEqual(['k', 'k', 'k']);
  });

  it('does not repeat what was refused, nor a change without a key that depends on what was', async () => {
    const refused = clientOf([answer(409, { code: 'insufficient-stock' })], { isDogged: true });
    expect(await refused.client.want(wish)).toMatchObject({ outcome: 'fail', status: 409 });
    expect(refused.sent).toHaveLength(1);
    const { key: _, ...unkeyed } = wish;
    for (const once of [unkeyed, { ...unkeyed, method: 'PATCH', ifMatch: '"1"' }]) {
      const { client, sent } = clientOf([broken], { isDogged: true });
      expect(await client.want(once)).toMatchObject({ outcome: 'unknown' });
      expect(sent).toHaveLength(1);
    }
  });

  it('gives up some time, some sooner than others', async () => {
    const tried = new Set<number>();
    for (let seed = 1; seed <= 20; seed++) {
      const { client, sent } = clientOf([answer(429, {}, { 'retry-after': '0' })], { seed });
      expect(await client.want(wish)).toMatchObject({ outcome: 'fail', status: 429 });
      tried.add(sent.length);
    }
    expect(Math.max(...tried)).toBe(5);
    expect(Math.min(...tried)).toBeLessThan(5);
  });

  it('now and then asks again, or says something else under a key that was used, as another intent', async () => {
    const [again, other] = [[] as number[], [] as string[]];
    for (let seed = 1; seed <= 300; seed++) {
      const { client, recorded } = clientOf([answer(201)], { seed });
      await client.want({ ...wish, other: { body: { a: 2 } } });
      const said = recorded.map(({ begun }) => `${begun.intent} ${JSON.stringify(begun.body)}`);
      if (said.length === 2 && said[0] === said[1]) again.push(seed);
      else if (said.length === 2) other.push(said[1] as string);
      if (recorded.some(({ begun }) => begun.key !== 'k')) throw new Error('another key');
    }
    expect(again.length).toBeGreaterThan(3);
    expect(other.length).toBeGreaterThan(1);
    expect(new Set(other)).toEqual(new Set(['run.customer-1.2 {"a":2}']));
  });

  it('records no tokens, but gets them', async () => {
    const { client, recorded } = clientOf([
      answer(200, { user: { id: 'u' }, accessToken: 'a', refreshToken: 'r', token: 't' }),
    ]);
    const login = { ...wish, shown: { email: 'e' }, token: 'bearer', cartToken: 'cart' };
    expect((await client.want(login)).body).toMatchObject({ accessToken: 'a', refreshToken: 'r' });
    expect(recorded[0]).toMatchObject({ begun: { body: { email: 'e' } }, ended: { answer: { user: { id: 'u' } } } });
    expect(JSON.stringify(recorded)).not.toMatch(/accessToken|refreshToken|"token"|bearer|cart"/);
  });

  it('stops waiting when there are no more turns', async () => {
    const { client, end, sent } = clientOf([answer(503, {}, { 'retry-after': '60' })], { isDogged: true });
    const wanted = client.want(wish);
    end();
    await expect(wanted).rejects.toThrow(NoMoreTurns);
    expect(sent).toHaveLength(1);
  });
});

it.each([
  ['POST', 201, 'ok'],
  ['POST', 202, 'ok'],
  ['DELETE', 204, 'ok'],
  ['GET', 304, 'ok'],
  ['POST', 409, 'fail'],
  ['POST', 422, 'fail'],
  ['POST', 429, 'fail'],
  // A node that was asked before may have done it.
  ['POST', 503, 'unknown'],
  ['PATCH', 500, 'unknown'],
  ['GET', 503, 'fail'],
  ['POST', undefined, 'unknown'],
] as const)('the outcome of %s answered with %s is %s', (method, status, outcome) => {
  expect(outcomeOfAnswer(method, status)).toBe(outcome);
});
