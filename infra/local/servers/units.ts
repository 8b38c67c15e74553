// The servers of the cluster as units of the supervisor. Each keeps its address from its first start on, so that what
// talks to it finds it again after a restart. Where they lie is known before they run: clients are given it at once.

import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { type DataDir, StartRefused } from '../data-dir.ts';
import { startPostgres } from '../postgres.ts';
import { type DynamoLocalOptions, startDynamoLocal } from './dynamodb-local.ts';
import { type KafkaCluster, startKafkaNode } from './kafka.ts';
import { startNats } from './nats.ts';
import type { Running } from './server-process.ts';
import type { Unit } from './supervisor.ts';

/** Where a server of ours works, and by which mark it is found. */
export interface Place {
  readonly folder: string;
  readonly mark: string;
}

/** NATS on a port of loopback; with a password it serves only who knows it. */
export const natsUnit = (place: Place, port: number, password?: string): Unit => ({
  name: 'nats',
  start: (signal) => startNats({ ...place, port, password, signal }),
});

/** The nodes of a Kafka cluster: "kafka", or "kafka-1" to "kafka-3", which start together because they need each other. */
export const kafkaUnits = (cluster: KafkaCluster, mark: string): readonly Unit[] =>
  cluster.nodes.map((node) => ({
    name: cluster.nodes.length === 1 ? 'kafka' : `kafka-${node.id}`,
    start: (signal) => startKafkaNode(cluster, node, { mark, signal }),
  }));

/** DynamoDB Local on a port of loopback. */
export const dynamoUnit = (place: Place, port: number, warn: NonNullable<DynamoLocalOptions['warn']>): Unit => ({
  name: 'dynamodb',
  start: (signal) => startDynamoLocal({ ...place, port, signal, warn }),
});

/** The PostgreSQL from the npm package, its files in the data folder. Its address is known when it has started. */
export function postgresUnit(
  dataDir: DataDir,
  port: number,
  given: { log(sentence: string): void; onUrl(url: string): void; readonly connections?: number },
): Unit {
  return {
    name: 'postgres',
    async start() {
      const { promise: exited, resolve } = Promise.withResolvers<string>();
      const { log, connections } = given;
      const more = connections === undefined ? {} : { connections };
      const postgres = await startPostgres({ dataDir, port, log, onExit: resolve, ...more });
      given.onUrl(postgres.url);
      const stop = () => postgres.stop().then(() => resolve('was stopped'));
      return { pid: postgres.pid, exited, stop };
    },
  };
}

/** A PostgreSQL that somebody else runs: asked once whether it answers, then theirs to keep running. */
export const foreignPostgresUnit = (url: string): Unit => ({
  name: 'postgres',
  async start(): Promise<Running> {
    await demandAnswer(url);
    const { promise: exited, resolve } = Promise.withResolvers<string>();
    return { pid: undefined, exited, stop: async () => resolve('was let go') };
  },
});

async function demandAnswer(url: string): Promise<void> {
  const connection = { entities: [], clientUrl: url, discovery: { warnWhenNoEntities: false } };
  let orm: MikroORM | undefined;
  try {
    orm = new MikroORM(connection);
    await orm.em.getConnection().execute('select 1');
  } catch (error) {
    throw new StartRefused(
      `The PostgreSQL at ${hidePassword(url)} does not answer: ${(error as Error).message}. ` +
        'Start it, or correct the address (postgres://user:password@host:port/database).',
      { cause: error },
    );
  } finally {
    await orm?.close(true);
  }
}

/** An address that may be shown, or several of them with commas between. */
export const hidePassword = (url: string): string => url.replace(/(:\/\/[^:@/]*):[^@/]*@/g, '$1:…@');

/** Folders of the servers in a data folder. */
export const serverFolder = (dataDir: DataDir, name: string): string => join(dataDir.path, 'servers', name);
