// The cluster on one machine: the servers of production and every service as a process of its own, supervised.
//
//   nats │ kafka │ dynamodb │ postgres ─► schema │ provider ─► nodes (orders-1 … api-1) ─► first account ─► catalogue ─► open
//
// A unit that dies is started again where it was; what needs it bears its absence, as it would on another machine.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceBroker } from 'moleculer';
import { brokerOptions } from '../../../moleculer.config.ts';
import { httpUrl } from '../../../mixins/http-url.ts';
import { prepareContexts } from '../../../mixins/postgres/prepare.ts';
import { databaseKey, databaseUrl } from '../../../mixins/postgres/roles.ts';
import type { Settings } from '../../../mixins/settings.ts';
import { leaveCatalogueOut, loadCatalogue } from '../catalogue/load.ts';
import { type DataDir, openDataDir } from '../data-dir.ts';
import { ensureFirstStaff } from '../first-staff.ts';
import { allKeys } from '../../node/key-names.ts';
import { keyIn, keyOf, makeKeys } from '../../node/keys.ts';
import { migrationsOfAll } from '../migrations.ts';
import { planKafka } from '../servers/kafka.ts';
import { natsUrl as natsUrlOf } from '../servers/nats.ts';
import { markOf } from '../servers/orphans.ts';
import { stablePorts } from '../servers/ports.ts';
import { type Change, supervise, type Supervisor, type Unit } from '../servers/supervisor.ts';
import { dynamoUnit, foreignPostgresUnit, kafkaUnits, natsUnit, postgresUnit, serverFolder } from '../servers/units.ts';
import { removeAddresses, writeAddresses } from './addresses.ts';
import { planEdges } from './cluster-edges.ts';
import type { Edges } from './edges.ts';
import { nodeEnvironment } from './environment.ts';
import { nodeUnit } from './node-unit.ts';
import type { NodePlan } from './plan.ts';
import { providerUnit } from './provider-unit.ts';
import { openSharedPort, type SharedPort } from './shared-port.ts';
import { taskUnit } from './task-unit.ts';

/** Every node keeps some connections to PostgreSQL; the default of the embedded mode would not do. */
const POSTGRES_CONNECTIONS = 300;
/** How long the nodes may take to find each other before the opening gives up, in milliseconds. */
const FIND_EACH_OTHER_MS = 20_000;
const READY_MS = 60_000;
const POLL_MS = 50;

export interface ClusterOptions {
  readonly settings: Settings;
  readonly nodes: readonly NodePlan[];
  readonly kafkaNodes?: 1 | 3;
  /** Tells what is being done: a few words, and how far it is (0 to 1) where that is known. */
  readonly progress: (step: string, share?: number) => void;
  readonly onChange?: (change: Change) => void;
  /** Called for each unit that failed again and again and is left alone. */
  readonly onGiveUp: (message: string) => void;
  /** Which charges the provider reports by webhook as well. */
  readonly webhooks?: 'all' | 'unanswered';
  /** Leaves the catalogue out, for those who bring their own products. */
  readonly withoutCatalogue?: boolean;
  /** Gives up a start that is under way, and stops what runs. */
  readonly signal?: AbortSignal;
  /** The longest pause before a unit is started again, in milliseconds; default 2,000. */
  readonly pauseMaxMs?: number;
  /** Brings the schemas up to date before the nodes start; default: with the migrations of this checkout. */
  readonly migrate?: (where: { readonly postgresUrl: string; readonly keysDir: string }) => Promise<void>;
  /** The program of a node, asked for at each of its starts; undefined: that of this checkout. */
  readonly programOf?: (node: string) => string | undefined;
  /** Puts a proxy on every way between services, servers, provider and clients, which can be told to do harm. */
  readonly edges?: boolean;
}

export interface Cluster {
  /** Where clients come in; with edges, through theirs. */
  readonly url: string;
  /** The gateways themselves. */
  readonly directUrl: string;
  readonly dataDir: string;
  readonly providerUrl: string;
  /** With the password: not to be shown. */
  readonly natsUrl: string;
  readonly kafkaBrokers: readonly string[];
  /** Of the administrator. */
  readonly postgresUrl: string;
  readonly supervisor: Supervisor;
  readonly staff: { readonly email: string; readonly file: string | undefined };
  readonly products: number;
  /** Only if they were asked for. */
  readonly edges: Edges | undefined;
  /** Drains and stops everything. Safe to call twice. Never rejects. */
  stop(): Promise<void>;
}

/**
 * Starts a cluster and resolves when it takes orders.
 * @throws StartRefused with a sentence if something is in the way that the user can change
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { settings, progress } = options;
  const door = await openSharedPort(settings.host, settings.port);
  let dataDir: DataDir;
  try {
    dataDir = openDataDir(settings.dataDir);
  } catch (error) {
    door.close();
    throw error;
  }
  let supervisor: Supervisor | undefined;
  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      await supervisor?.stop();
      removeAddresses(dataDir.path);
      door.close();
      dataDir.close();
    })());
  try {
    const parts = await planParts(options, dataDir, door);
    const states = new Map<string, Change>();
    const startedAll = () => [...states.values()].filter(({ state }) => state === 'ready').length;
    supervisor = supervise(parts.units, {
      mark: markOf(dataDir.path),
      log: progress,
      onGiveUp: options.onGiveUp,
      onChange(change) {
        const isFirst = states.get(change.name)?.state !== 'ready';
        states.set(change.name, change);
        if (change.state === 'ready' && isFirst && stopping === undefined)
          progress(`starting ${parts.units.length} processes`, startedAll() / parts.units.length);
        options.onChange?.(change);
      },
      ...(options.pauseMaxMs === undefined ? {} : { pauseMaxMs: options.pauseMaxMs }),
    });
    options.signal?.addEventListener('abort', () => void stop(), { once: true });
    options.signal?.throwIfAborted();
    await supervisor.ready;
    progress('opening the shop');
    const opened = await openShop(options, { ...settings, dataDir: dataDir.path, natsUrl: parts.natsUrl });
    await untilReady(parts.directUrl);
    return { ...parts, ...opened, dataDir: dataDir.path, postgresUrl: parts.postgresUrl(), supervisor, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Parts {
  readonly units: readonly Unit[];
  readonly url: string;
  readonly directUrl: string;
  readonly edges: Edges | undefined;
  readonly natsUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly providerUrl: string;
  /** Known once PostgreSQL has started. */
  readonly postgresUrl: () => string;
}

/** Chooses where everything lies, before any of it runs: who needs an address is given it at once. */
async function planParts(options: ClusterOptions, dataDir: DataDir, door: SharedPort): Promise<Parts> {
  const { settings, nodes, progress } = options;
  const mark = markOf(dataDir.path);
  const place = (name: string) => ({ folder: serverFolder(dataDir, name), mark });
  const [natsPort, dynamoPort, postgresPort, providerPort] = (await stablePorts(4)) as [number, number, number, number];
  const plainKafka = await planKafka(serverFolder(dataDir, 'kafka'), options.kafkaNodes ?? 1);
  const keys = join(dataDir.path, 'keys');
  makeKeys(keys, allKeys);
  const foreign = settings.database.host === undefined ? undefined : administratorUrl(settings);
  let postgresUrl = foreign ?? '';
  const directUrl = httpUrl(settings.host, door.port);
  const natsPassword = keyIn(keys, 'nats').toString('hex');
  const natsUrl = natsUrlOf(natsPort, natsPassword);
  const kafkaBrokers = plainKafka.nodes.map(({ port }) => `127.0.0.1:${port}`);
  const providerUrl = `http://127.0.0.1:${providerPort}`;
  writeAddresses(dataDir.path, { url: directUrl, natsUrl, kafkaBrokers });
  const { host, port } = settings.database;
  const postgres = host === undefined ? { host: '127.0.0.1', port: postgresPort } : { host, port };
  const ways =
    options.edges === true
      ? await planEdges(
          { natsUrl, kafka: plainKafka, dynamoPort, postgres, providerPort, shopUrl: directUrl },
          place('toxiproxy'),
        )
      : undefined;
  const kafka = ways?.kafka ?? plainKafka;

  const servers: readonly Unit[] = [
    ...(ways === undefined ? [] : [ways.unit]),
    natsUnit(place('nats'), natsPort, natsPassword),
    ...kafkaUnits(kafka, mark),
    dynamoUnit(place('dynamodb'), dynamoPort, progress),
    foreign === undefined
      ? postgresUnit(dataDir, postgresPort, {
          log: progress,
          onUrl: (found) => (postgresUrl = found),
          connections: POSTGRES_CONNECTIONS,
        })
      : foreignPostgresUnit(foreign),
    taskUnit('schema', ['postgres'], async () => {
      if (options.migrate !== undefined) return options.migrate({ postgresUrl, keysDir: keys });
      await prepareContexts({
        url: postgresUrl,
        migrations: await migrationsOfAll(),
        passwordOf: (context) => keyOf(keys, databaseKey(context)).toString('hex'),
      });
    }),
    providerUnit({
      dataDir,
      keys,
      port: providerPort,
      shopUrl: ways?.shopUrlOf('provider') ?? directUrl,
      mark,
      webhooks: options.webhooks ?? 'unanswered',
    }),
  ];
  const environment = (service: string) => {
    const direct = {
      natsUrl,
      kafkaBrokers,
      providerUrl,
      postgresUrl,
      dynamoEndpoint: `http://127.0.0.1:${dynamoPort}`,
    };
    return nodeEnvironment(
      {
        settings: { ...settings, port: door.port, dataDir: dataDir.path },
        keys,
        ...(ways?.seenBy(service, direct) ?? direct),
      },
      service,
    );
  };
  const units = nodes.map((node) =>
    nodeUnit({
      node,
      environment: () => environment(node.service),
      after: servers.map(({ name }) => name),
      folder: join(dataDir.path, 'nodes'),
      mark,
      door: node.service === 'api' ? door.door : undefined,
      program: () => options.programOf?.(node.id),
    }),
  );
  return {
    units: [...servers, ...units],
    url: ways?.shopUrlOf('clients') ?? directUrl,
    directUrl,
    edges: ways?.edges,
    natsUrl,
    kafkaBrokers,
    providerUrl,
    postgresUrl: () => postgresUrl,
  };
}

function administratorUrl({ database }: Settings): string {
  const { user = 'postgres', password = '' } = database;
  return databaseUrl(database, user, password);
}

/** As a node of its own without services: makes sure that there is an account to sign in with, and something to sell. */
async function openShop({ withoutCatalogue, progress }: ClusterOptions, settings: Settings) {
  const broker = new ServiceBroker({
    ...brokerOptions({ ...settings, nodeId: 'opening' }, join(settings.dataDir, 'nodes', 'opening.log')),
  });
  await broker.start();
  try {
    await broker.waitForServices(['users', 'products', 'inventory'], FIND_EACH_OTHER_MS, POLL_MS);
    const staff = await ensureFirstStaff(broker, settings);
    if (withoutCatalogue === true) {
      await leaveCatalogueOut(broker);
      return { staff, products: 0 };
    }
    const products = await loadCatalogue(broker, (done, all) => progress('loading the catalogue', done / all));
    return { staff, products };
  } finally {
    await broker.stop();
  }
}

/** Resolves when an order would be taken. */
async function untilReady(url: string): Promise<void> {
  let said = 'no answer';
  for (const deadline = performance.now() + READY_MS; performance.now() < deadline; await delay(POLL_MS)) {
    try {
      const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2_000) });
      said = await response.text();
      if (response.status === 200) return;
    } catch (error) {
      said = String(error);
    }
  }
  throw new Error(`The shop was not ready after ${READY_MS / 1_000} s; it said: ${said}`);
}
