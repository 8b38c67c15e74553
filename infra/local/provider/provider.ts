// A payment provider for shops that sell nothing real: a program of its own behind HTTP, as a real one would be.
//
//   node infra/local/provider/provider.ts --data DIR --api-key-file FILE --webhook-url URL --webhook-secret-file FILE
//        [--port N] [--webhooks all|unanswered] [--listing-key-file FILE]    without --port: any free one
//
//   start ─► ledger opened, old promises due ─► listening on 127.0.0.1 ─► says so ─► SIGTERM, or parent gone ─► drained
//
// What it does wrong on purpose it is told by a file in DIR (misbehaviour.ts).
// It may be killed or paused at any moment: everything it ever answered is in DIR/ledger.sqlite before the answer leaves.

import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { announceReady } from '../processes.ts';
import { api } from './api.ts';
import { groupCommit } from './group-commit.ts';
import { openLedger } from './ledger.ts';
import { followWishes } from './misbehaviour.ts';
import { webhookSender } from './webhooks.ts';

const DRAIN_MS = 2_000;
const DRAIN_STEP_MS = 20;
const CONNECTIONS_MAX = 1_024;
const KEEP_ALIVE_MS = 75_000;
const REQUEST_TIMEOUT_MS = 10_000;
const SECRETS_MAX = 2;

interface Options {
  readonly data: string;
  readonly port: number;
  readonly apiKey: string;
  readonly listingKey: string | undefined;
  readonly webhookUrl: string;
  readonly webhookSecrets: readonly string[];
  readonly webhooks: 'all' | 'unanswered';
}

/** The options of the command line. Throws a sentence that names what is missing or wrong. */
function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      data: { type: 'string' },
      port: { type: 'string', default: '0' },
      'api-key-file': { type: 'string' },
      'listing-key-file': { type: 'string' },
      'webhook-url': { type: 'string' },
      'webhook-secret-file': { type: 'string' },
      webhooks: { type: 'string', default: 'unanswered' },
    },
  });
  const given = (name: keyof typeof values): string => {
    const value = values[name];
    if (value === undefined || value === '') throw new Error(`The option --${name} is missing.`);
    return value;
  };
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error('--port must be a number from 0 to 65535.');
  const webhookUrl = given('webhook-url');
  if (URL.parse(webhookUrl)?.protocol !== 'http:') throw new Error('--webhook-url must be an http: address.');
  const { webhooks } = values;
  if (webhooks !== 'all' && webhooks !== 'unanswered') throw new Error('--webhooks must be "all" or "unanswered".');
  const [apiKey = ''] = linesOf(given('api-key-file'));
  const listingFile = values['listing-key-file'];
  const listingKey = listingFile === undefined ? undefined : linesOf(listingFile)[0];
  const webhookSecrets = linesOf(given('webhook-secret-file')).slice(0, SECRETS_MAX);
  return { data: given('data'), port, apiKey, listingKey, webhookUrl, webhookSecrets, webhooks };
}

/** A key per line; the second one of a secret file is the one being replaced or introduced. */
function linesOf(file: string): string[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw new Error(`There is no key in ${file}.`);
  return lines;
}

async function start(options: Options): Promise<void> {
  const { data, port, apiKey, listingKey, webhookUrl, webhookSecrets, webhooks } = options;
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const ledger = openLedger(join(data, 'ledger.sqlite'));
  const lane = groupCommit(ledger.db);
  const conduct = followWishes(data);
  const sender = webhookSender({ ledger, lane, url: webhookUrl, secrets: webhookSecrets, conduct });
  const { handle, letGo, recover } = api({
    ledger,
    lane,
    apiKey,
    ...(listingKey === undefined ? {} : { listingKey }),
    webhooks,
    conduct,
    wake: sender.wake,
  });

  let draining = false;
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      if (draining) response.setHeader('connection', 'close');
      handle(request, response);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;

  function drain(): void {
    if (draining) return;
    draining = true;
    sender.stop();
    conduct.stop();
    server.close(() => {
      lane.flush();
      ledger.close();
      process.exit(0);
    });
    letGo();
    // Those who were being answered when the drain began become idle one by one.
    setInterval(() => server.closeIdleConnections(), DRAIN_STEP_MS);
    setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  }

  process.on('SIGTERM', drain);
  // With a parent, Ctrl-C reaches both; the parent still needs this provider while it finishes, and says when to go.
  process.on('SIGINT', () => process.send === undefined && drain());

  await recover();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const listening = (server.address() as AddressInfo).port;
  console.log(JSON.stringify({ ready: true, port: listening }));
  announceReady(listening);
  sender.wake();
}

try {
  await start(readOptions());
} catch (error) {
  console.error(`The payment provider does not start: ${(error as Error).message}`);
  process.exit(1);
}
