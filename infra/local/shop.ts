// A whole shop in one process: data folder, PostgreSQL, DynamoDB API, payment provider, then all services.
//
//   settings ─► port free? ─► data folder locked ─► PostgreSQL │ dynalite │ provider ─► services ─► first account ─► catalogue ─► ready
//
// What was started is stopped in the opposite order, whether the start failed half way or the shop was told to end.

import { join } from 'node:path';
import { ServiceBroker } from 'moleculer';
import { brokerOptions } from '../../moleculer.config.ts';
import { httpUrl } from '../../mixins/http-url.ts';
import { readSettings, type Settings } from '../../mixins/settings.ts';
import { services } from '../../services/services.ts';
import { leaveCatalogueOut, loadCatalogue } from './catalogue/load.ts';
import { endLeftBehind } from './cluster/left-behind.ts';
import { type DataDir, openDataDir } from './data-dir.ts';
import { type Dynamo, startDynamo } from './dynamodb.ts';
import { embeddedPlatform } from './embedded-platform.ts';
import { ensureFirstStaff } from './first-staff.ts';
import { demandFree } from './free-port.ts';
import { providerArgs, providerKeys } from './provider/command.ts';
import { SECRET_BYTES } from '../node/keys.ts';
import { turnOver } from '../node/log-file.ts';
import { startPostgres } from './postgres.ts';
import { freePort, startChild } from './processes.ts';
import { replService, replTransporter } from '../node/repl-server.ts';

/** Tells what is being done: a few words, and how far it is (0 to 1) where that is known. */
export type Progress = (step: string, share?: number) => void;

export interface Shop {
  readonly url: string;
  readonly broker: ServiceBroker;
  readonly dataDir: string;
  /** E-mail address of the first account, and where its password lies if it was made up. */
  readonly staff: { readonly email: string; readonly file: string | undefined };
  readonly products: number;
  /** Of the administrator of its PostgreSQL: with the password. */
  readonly postgresUrl: string;
  /** Where the payment provider listens. */
  readonly providerUrl: string;
  /** The DynamoDB API, for those who look behind the services. */
  readonly dynamo: Dynamo;
  /** Drains and stops everything, within 5 s. Safe to call twice. Never rejects. */
  stop(): Promise<void>;
}

export interface ShopOptions {
  readonly settings: Settings;
  readonly progress: Progress;
  /** Called once if a part that the shop cannot live without has ended by itself. */
  readonly onBroken: (message: string) => void;
  /** Which charges the provider reports by webhook as well. */
  readonly webhooks?: 'all' | 'unanswered';
  /** Leaves the catalogue out, for tests that bring their own products. */
  readonly withoutCatalogue?: boolean;
  /** Customers' lists come from DynamoDB, as in a cluster. */
  readonly orderHistory?: boolean;
}

type Stop = () => Promise<unknown> | void;

/**
 * Starts a shop and resolves when it is ready to take an order.
 * @throws StartRefused with a sentence if something is in the way that the user can change.
 */
export async function startShop(options: ShopOptions): Promise<Shop> {
  const stops: Stop[] = [];
  let stopping: Promise<void> | undefined;
  const stop = () => (stopping ??= stopAll(stops));
  try {
    return await open(options, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopAll(stops: readonly Stop[]): Promise<void> {
  for (const stop of stops.toReversed()) {
    try {
      await stop();
    } catch (error) {
      process.stderr.write(`souk: ${String(error)}\n`);
    }
  }
}

async function open(options: ShopOptions, stops: Stop[], stop: () => Promise<void>): Promise<Shop> {
  const { progress } = options;
  await demandFree(options.settings.host, options.settings.port, 'npm start');
  const port = options.settings.port === 0 ? await freePort() : options.settings.port;
  const dataDir = openDataDir(options.settings.dataDir);
  stops.push(() => dataDir.close());
  await endLeftBehind(dataDir.path, progress);
  const url = httpUrl(options.settings.host, port);
  // What tells nodes of a cluster apart and how they meet is not for one that holds everything.
  const alone = { nodeId: readSettings({}).nodeId, natsUrl: undefined };
  const settings: Settings = { ...options.settings, ...alone, port, dataDir: dataDir.path };

  progress('starting PostgreSQL, the DynamoDB API and the payment provider');
  const [postgres, dynamo, provider] = await allOrNone(stops, [
    startPostgres({ dataDir, onProgress: progress, log: (line) => progress(line), onExit: options.onBroken }),
    startDynamo({ dataDir }),
    startProvider(dataDir, url, options),
  ] as const);

  const providerUrl = `http://127.0.0.1:${provider.port}`;
  const logFile = join(dataDir.path, 'souk.log');
  turnOver(logFile);
  const broker = new ServiceBroker({ ...brokerOptions(settings, logFile), ...replTransporter(dataDir.path) });
  const platform = embeddedPlatform({
    settings,
    dataDir,
    dynamo,
    postgresUrl: postgres.url,
    providerUrl,
    alert: (what, particulars) => broker.logger.error(particulars, what),
    orderHistory: options.orderHistory ?? false,
  });
  stops.push(() => platform.close());

  progress('starting the services');
  for (const service of services) broker.createService(service(platform));
  broker.createService(replService);
  await broker.start();
  stops.push(() => broker.stop());
  // The gateway goes first: it stops taking requests while everything behind it still answers.
  stops.push(() => broker.destroyService('api'));

  progress('opening the shop');
  const staff = await ensureFirstStaff(broker, settings);
  if (options.withoutCatalogue === true) await leaveCatalogueOut(broker);
  const products =
    options.withoutCatalogue === true
      ? 0
      : await loadCatalogue(broker, (done, all) => progress('loading the catalogue', done / all));
  return { url, broker, dataDir: dataDir.path, staff, products, postgresUrl: postgres.url, providerUrl, dynamo, stop };
}

/** Waits for all parts; those that started are stopped later, also if another one failed. */
async function allOrNone<T extends readonly Promise<{ stop(): Promise<unknown> }>[]>(
  stops: Stop[],
  starting: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const results = await Promise.allSettled(starting);
  for (const result of results) if (result.status === 'fulfilled') stops.push(() => result.value.stop());
  for (const result of results) if (result.status === 'rejected') throw result.reason as Error;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as {
    -readonly [K in keyof T]: Awaited<T[K]>;
  };
}

function startProvider(dataDir: DataDir, shopUrl: string, { webhooks = 'unanswered', onBroken }: ShopOptions) {
  const keys = join(dataDir.path, 'keys');
  for (const name of providerKeys) dataDir.secret(name, SECRET_BYTES);
  return startChild({
    name: 'payment provider',
    // After a crash it comes back where the shop looks for it.
    args: (port) => providerArgs({ port, dataDir: dataDir.path, keys, shopUrl, webhooks }),
    onGiveUp: onBroken,
  });
}
