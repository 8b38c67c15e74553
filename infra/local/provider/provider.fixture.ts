// A running provider for tests: the real program under its supervisor, with keys, a data folder and a shop that listens
// for its webhooks. `shop.answers` decides what the shop says to each webhook.

import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { simulatedProvider } from '../../../mixins/provider-simulated.ts';
import { type Child, startChild } from '../processes.ts';
import { readLedger } from './ledger.ts';

const API_KEY = 'key-of-the-test';
const LISTING_KEY = 'listing-key-of-the-test';
const SECRET = 'secret-of-the-test';
const WAIT_MS = 20_000;
const POLL_MS = 10;

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: Buffer;
  readonly event: { readonly id: string; readonly type: string; readonly paymentId: string };
}

export type Scene = Awaited<ReturnType<typeof startScene>>;

/** Starts a provider, and a shop that takes its webhooks. */
export async function startScene(webhooks: 'all' | 'unanswered' = 'unanswered') {
  const dir = mkdtempSync(join(tmpdir(), 'souk-provider-'));
  writeFileSync(join(dir, 'api-key'), `${API_KEY}\n`);
  writeFileSync(join(dir, 'listing-key'), `${LISTING_KEY}\n`);
  writeFileSync(join(dir, 'webhook-secret'), `${SECRET}\n`);

  const shop = await startShop();
  const restarts = new EventEmitter();
  const output: string[] = [];
  const child: Child = await startChild({
    name: 'payment provider',
    args: (port: number) => [
      new URL('provider.ts', import.meta.url).pathname,
      `--port=${port}`,
      `--data=${join(dir, 'data')}`,
      `--api-key-file=${join(dir, 'api-key')}`,
      `--listing-key-file=${join(dir, 'listing-key')}`,
      `--webhook-url=${shop.url}`,
      `--webhook-secret-file=${join(dir, 'webhook-secret')}`,
      `--webhooks=${webhooks}`,
    ],
    log: (line) => output.push(line),
    onRestart: () => restarts.emit('restart'),
  });
  const url = `http://127.0.0.1:${child.port}`;
  const patient = (timeoutMs?: number) =>
    simulatedProvider({
      url,
      apiKey: API_KEY,
      webhookSecrets: [SECRET],
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  const provider = patient();

  return {
    url,
    key: API_KEY,
    listingKey: LISTING_KEY,
    shop,
    output,
    provider,
    /** The adapter with another time-out. */
    patient,
    /** Of the provider. */
    dataDir: join(dir, 'data'),
    ledger: () => readLedger(join(dir, 'data', 'ledger.sqlite')),

    /** A request that the adapter would never send. */
    async ask(
      method: string,
      path: string,
      options: { body?: string | Buffer; headers?: Record<string, string> } = {},
    ) {
      const response = await fetch(url + path, {
        method,
        ...(options.body !== undefined && { body: new Uint8Array(Buffer.from(options.body)) }),
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json', ...options.headers },
      });
      const text = await response.text();
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        body: JSON.parse(text) as Record<string, unknown>,
      };
    },

    signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
      if (child.pid === undefined) throw new Error('The provider is not running.');
      process.kill(child.pid, name);
    },
    /** kill -9; resolves when its successor is ready. */
    async killAndRestart(): Promise<void> {
      const restarted = once(restarts, 'restart');
      this.signal('SIGKILL');
      await restarted;
    },
    pid: () => child.pid,
    stopProvider: () => child.stop(),

    async stop(): Promise<void> {
      provider.close();
      await child.stop();
      await shop.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function startShop() {
  const received: Received[] = [];
  let answers: (received: Received) => number | Promise<number> = () => 204;
  let underWay = 0;
  let underWayMax = 0;
  const server = createServer((request, response) => {
    underWayMax = Math.max(underWayMax, ++underWay);
    response.on('close', () => underWay--);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const rawBody = Buffer.concat(chunks);
      const webhook = { headers: request.headers, rawBody, event: JSON.parse(rawBody.toString()) as Received['event'] };
      received.push(webhook);
      void Promise.resolve(answers(webhook)).then((status) => response.writeHead(status).end());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`,
    received,
    answer(decide: (received: Received) => number | Promise<number>): void {
      answers = decide;
    },
    underWayMax: () => underWayMax,
    about: (paymentId: string) => received.filter(({ event }) => event.paymentId === paymentId),
    stop: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Resolves once the condition holds; fails, with what was awaited, when it does not in time. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`Waited ${WAIT_MS} ms in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
