// A node that runs the probe alone, as in a cluster: a process of its own, with the two keys that are its alone, over
// NATS, a PostgreSQL with roles, and the provider's listing. It opens nothing else, so nothing else has to run.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest } from '@jest/globals';
import { ServiceBroker } from 'moleculer';
import { prepareContexts } from '../../mixins/postgres/prepare.ts';
import { databaseKey } from '../../mixins/postgres/roles.ts';
import { simulatedProvider } from '../../mixins/provider-simulated.ts';
import { readSettings } from '../../mixins/settings.ts';
import { brokerOptions } from '../../moleculer.config.ts';
import type { ProbeReport } from '../../services/probe/probe.service.ts';
import { until } from '../local/callers.fixture.ts';
import { type DataDir, openDataDir } from '../local/data-dir.ts';
import { migrationsOfAll } from '../local/migrations.ts';
import { type Postgres, startPostgres } from '../local/postgres.ts';
import { type Child, startChild } from '../local/processes.ts';
import { providerArgs } from '../local/provider/command.ts';
import { findNats, missingNats, type Nats, startNats } from '../local/servers/nats.ts';
import { markOf } from '../local/servers/orphans.ts';
import { itWhere } from '../toolchain/it-where.ts';
import { allKeys, keysOf } from './key-names.ts';
import { keyOf, makeKeys } from './keys.ts';

jest.setTimeout(120_000);

const PROGRAM = join(import.meta.dirname, 'node.ts');
const NOWHERE = '127.0.0.1:1';
const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');

let folder: string;
let dataDir: DataDir;
let postgres: Postgres;
let provider: Child;
let nats: Nats | undefined;
let broker: ServiceBroker | undefined;
let node: ChildProcess | undefined;

beforeAll(async () => {
  if (findNats() === undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'souk-probe-'));
  dataDir = openDataDir(folder);
  const all = join(folder, 'keys');
  makeKeys(all, allKeys);
  postgres = await startPostgres({ dataDir });
  await prepareContexts({
    url: postgres.url,
    migrations: await migrationsOfAll(),
    passwordOf: (holder) => keyOf(all, databaseKey(holder)).toString('hex'),
  });
  provider = await startChild({
    name: 'payment provider',
    args: (port) =>
      providerArgs({ port, dataDir: folder, keys: all, shopUrl: `http://${NOWHERE}`, webhooks: 'unanswered' }),
  });
  nats = await startNats({ folder: join(folder, 'nats'), mark: markOf(folder) });
});
afterAll(async () => {
  node?.kill('SIGKILL');
  await broker?.stop();
  await nats?.stop();
  await provider?.stop();
  await postgres?.stop();
  dataDir?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

withNats(
  'starts with its own two keys, looks, finds a charge that no order has, and ends when it is told',
  async () => {
    const { url } = nats as Nats;
    const mine = join(folder, 'keys-of-the-probe');
    expect(keysOf(['probe'])).toEqual(['database-probe', 'provider-listing-key']);
    makeKeys(mine, []);
    for (const name of keysOf(['probe'])) copyKey(name, mine);
    const socket = new URL(postgres.url);
    node = fork(PROGRAM, [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: {
        PATH: process.env['PATH'] ?? '',
        NODE_ID: 'probe-1',
        SERVICES: 'probe',
        DATA_DIR: folder,
        KEYS_DIR: mine,
        NATS_URL: url,
        KAFKA_BOOTSTRAP_SERVERS: NOWHERE,
        DB_HOST: socket.searchParams.get('host') ?? socket.hostname,
        DB_PORT: String(postgres.port),
        DB_NAME: postgres.database,
        DYNAMODB_ENDPOINT: `http://${NOWHERE}`,
        PAYMENT_PROVIDER_URL: `http://127.0.0.1:${provider.port}`,
      },
    });
    await once(node, 'message');

    broker = new ServiceBroker({
      ...brokerOptions(readSettings({ NODE_ID: 'asks-1', NATS_URL: url }), ''),
      logger: false,
    });
    await broker.start();
    await broker.waitForServices('probe', 20_000, 20);
    const report = () => (broker as ServiceBroker).call<ProbeReport, object>('probe.report', {});
    const healthy = await until('it has looked at everything', async () => {
      const found = await report();
      return found.findings.every(({ partly }) => partly === undefined) && found;
    });
    expect(healthy.findings.map(({ wrongCount }) => wrongCount)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(healthy.findings.find(({ invariant }) => invariant === 'I8')?.looked).toBeGreaterThan(0);

    const payments = simulatedProvider({
      url: `http://127.0.0.1:${provider.port}`,
      apiKey: keyOf(join(folder, 'keys'), 'provider-api-key').toString('hex'),
      webhookSecrets: ['unused'],
    });
    const amount = { amount: '9.99', currency: 'GBP' };
    await payments.charge({ paymentId: 'pay_nobody', orderId: 'nobody', amount, token: 'tok_ok' });
    payments.close();
    const sentence = '9.99 GBP were captured for order nobody, which does not exist';
    const isFound = async () => (await report()).findings.some(({ wrong }) => wrong.includes(sentence));
    await until('the charge is found', isFound, 30_000);
    const alerts = () => readFileSync(join(folder, 'nodes', 'probe-1.log'), 'utf8').match(/invariant I4 is violated/g);
    await until('the alert is in the log', () => alerts()?.length === 1);

    node.kill('SIGTERM');
    expect(await once(node, 'exit')).toEqual([0, null]);
    // Seen many times since, and told once.
    expect(alerts()).toHaveLength(1);
  },
);

/** The same key in another folder, as a secret would be mounted. */
function copyKey(name: string, into: string): void {
  writeFileSync(join(into, name), readFileSync(join(folder, 'keys', name)), { mode: 0o600 });
}
