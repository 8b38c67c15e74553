// The provider's listing as the probe reads it: from the real provider, and from servers that answer nonsense or nothing.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startScene, type Scene } from '../infra/local/provider/provider.fixture.ts';
import { LISTING_PAYMENTS_MAX, ListingUnavailable, providerListing } from './provider-listing.ts';

jest.setTimeout(60_000);

let scene: Scene;
const servers: Server[] = [];
beforeAll(async () => {
  scene = await startScene();
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await scene.stop();
});

/** The listing of a server that answers like this. */
async function listingOf(answer: RequestListener, timeoutMs = 10_000) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return providerListing({ url: `http://127.0.0.1:${port}`, key: 'key', timeoutMs });
}

it('reads what was charged and given back, after a place and by payment', async () => {
  const listing = providerListing({ url: scene.url, key: scene.listingKey });
  const amount = { amount: '12.30', currency: 'GBP' };
  const wishes = Array.from({ length: LISTING_PAYMENTS_MAX + 5 }, () => {
    const orderId = randomUUID();
    return { paymentId: `pay_${orderId}`, orderId, amount, token: 'tok_ok' };
  });
  for (const wish of wishes) await scene.provider.charge(wish);
  const [first, last] = [wishes[0]!, wishes.at(-1)!];
  await scene.provider.refund({ refundId: `${last.orderId}/r`, paymentId: last.paymentId, amount });

  const [one, two] = await listing.charges(0, 2);
  expect(one).toEqual({ seq: 1, paymentId: first.paymentId, orderId: first.orderId, amount, status: 'succeeded' });
  expect(await listing.charges(one!.seq, 1)).toEqual([two]);
  expect(await listing.refunds(0, 10)).toEqual([
    { seq: 1, refundId: `${last.orderId}/r`, paymentId: last.paymentId, amount },
  ]);
  // More than one question may name.
  const all = await listing.of(wishes.map(({ paymentId }) => paymentId));
  expect(new Set(all.charges.map(({ paymentId }) => paymentId)).size).toBe(wishes.length);
  expect(all.refunds).toHaveLength(1);
  expect(await listing.of(['pay_nobody'])).toEqual({ charges: [], refunds: [] });
  expect(await listing.of([])).toEqual({ charges: [], refunds: [] });
});

describe('says in a sentence that it cannot be read', () => {
  it.each<[string, RequestListener, string]>([
    ['refuses', (_, response) => response.writeHead(401).end(), 'The provider answered 401'],
    ['no JSON', (_, response) => response.end('<html>'), 'list of charges is not understood'],
    ['no list', (_, response) => response.end('{"charges":7}'), 'list of charges is not understood'],
    [
      'half a charge',
      (_, response) => response.end('{"charges":[{"seq":1,"paymentId":"p"}]}'),
      'Row 0 of the provider\'s charges is not understood: "orderId" must be a text',
    ],
    [
      'nothing in a row',
      (_, response) => response.end('{"charges":[null]}'),
      '"seq" must be a whole number above zero',
    ],
    ['too much', (_, response) => response.end('x'.repeat(2_000_000)), 'the answer is too long'],
    ['hangs up', (request) => request.socket.destroy(), 'socket hang up'],
    ['no answer', () => {}, 'no answer within 200 ms'],
    ['half an answer', (_, response) => response.writeHead(200).write('{'), 'no answer within 200 ms'],
  ])('%s', async (_, answer, sentence) => {
    const withinMs = sentence.startsWith('no answer') ? 200 : undefined;
    const error = await (await listingOf(answer, withinMs)).charges(0, 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ListingUnavailable);
    expect((error as Error).message).toContain(sentence);
  });

  it('that it was closed, also to those who wait', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const listing = await listingOf(() => resolve());
    const asked = listing.charges(0, 1).catch((reason: unknown) => reason);
    await promise;
    listing.close();
    expect(await asked).toBeInstanceOf(ListingUnavailable);
    await expect(listing.refunds(0, 1)).rejects.toThrow(ListingUnavailable);
  });

  it('a wrong key', async () => {
    const listing = providerListing({ url: scene.url, key: scene.key });
    await expect(listing.refunds(0, 1)).rejects.toThrow('The provider answered 401 when it was asked for refunds.');
  });
});
