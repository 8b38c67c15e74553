// A whole shop for tests, in this process, on a free port and on data of its own, with callers (callers.fixture.ts); and
// what a test may do to it: hold its stock, kill its provider, pause its database.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '../../actors/actor.ts';
import type { Host } from '../../mixins/host.ts';
import { readSettings, type Settings } from '../../mixins/settings.ts';
import { admin, callersOf, until } from './callers.fixture.ts';
import { commandLine, treeOf } from './process-tree.ts';
import { readLedger } from './provider/ledger.ts';
import { type Shop, startShop } from './shop.ts';

export * from './callers.fixture.ts';

export interface TestShopOptions {
  /** The data of a shop that was stopped with `stop('keep')`. */
  readonly dataDir?: string;
  readonly settings?: Partial<Settings>;
  readonly webhooks?: 'all' | 'unanswered';
  readonly catalogue?: boolean;
  readonly orderHistory?: boolean;
}

export type TestShop = Awaited<ReturnType<typeof startTestShop>>;

/** Starts a shop; `stop` it. */
export async function startTestShop({
  settings = {},
  webhooks = 'all',
  catalogue = false,
  orderHistory = false,
  dataDir,
}: TestShopOptions = {}) {
  const folder = dataDir ?? mkdtempSync(join(tmpdir(), 'souk-shop-'));
  const broken: string[] = [];
  const shop: Shop = await startShop({
    settings: {
      ...readSettings({}),
      port: 0,
      dataDir: folder,
      adminEmail: admin.email,
      adminPassword: admin.password,
      ...settings,
    },
    progress: () => {},
    onBroken: (message) => broken.push(message),
    webhooks,
    withoutCatalogue: !catalogue,
    orderHistory,
  });
  const callers = await callersOf(shop.url);

  /** A process below ours that was started with these words; undefined: there is none just now. */
  function pidOf(...words: string[]): number | undefined {
    return treeOf(process.pid).find((pid) => words.every((word) => commandLine(pid).some((it) => it.includes(word))));
  }

  const providerPid = () => pidOf('provider.ts', shop.dataDir);

  function signalProvider(signal: NodeJS.Signals): number {
    const pid = providerPid();
    if (pid === undefined) throw new Error('the payment provider does not run');
    process.kill(pid, signal);
    return pid;
  }

  return {
    url: shop.url,
    dataDir: shop.dataDir,
    postgresUrl: shop.postgresUrl,
    providerUrl: shop.providerUrl,
    dynamo: shop.dynamo,
    broker: shop.broker,
    /** What the shop could not live without and lost. */
    broken,
    ...callers,
    /** The provider's book, read beside it. */
    ledger: () => readLedger(join(shop.dataDir, 'provider', 'ledger.sqlite')),
    /** kill -9; resolves once there is another one. */
    async killProvider(): Promise<void> {
      const killed = signalProvider('SIGKILL');
      await until('there is another provider', () => ![undefined, killed].includes(providerPid()));
    },
    /** The provider stands still until the returned function is called. */
    pauseProvider() {
      signalProvider('SIGSTOP');
      return () => void signalProvider('SIGCONT');
    },
    /** All of PostgreSQL stands still until the returned function is called. */
    pauseDatabase() {
      const server = pidOf('bin/postgres', join(shop.dataDir, 'postgres'));
      if (server === undefined) throw new Error('PostgreSQL does not run');
      const pids = treeOf(server);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      return () => {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      };
    },
    async stop(data: 'keep' | 'remove' = 'remove') {
      await shop.stop();
      if (data === 'remove') rmSync(folder, { recursive: true, force: true });
    },
    /** What is sent to stock waits until the returned function is called. */
    holdStock() {
      const { host } = shop.broker.getLocalService('inventory') as unknown as { host: Host<unknown, Message> };
      const { receive } = host;
      const { promise, resolve } = Promise.withResolvers<void>();
      Object.assign(host, {
        async receive(deliveries: Parameters<typeof receive>[0]) {
          await promise;
          return await receive(deliveries);
        },
      });
      return () => {
        Object.assign(host, { receive });
        resolve();
      };
    },
  };
}
