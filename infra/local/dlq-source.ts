// Where `npm run dlq` finds dead letters: in the Kafka it is told of; else, as the REPL finds the shop, in the Kafka of the
// cluster or the PostgreSQL of the shop that runs on DATA_DIR, whichever was started last.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { openEmbeddedDeadLetters } from '../../mixins/embedded-log/dead-letters.ts';
import { type DeadLetters, openDeadLetters } from '../../mixins/kafka-log/dead-letters.ts';
import type { Settings } from '../../mixins/settings.ts';
import { readAddresses } from './cluster/addresses.ts';
import { NAME } from './postgres-cluster.ts';
import { isClusterLast } from './repl/join.ts';

/** A request that cannot be met; the message is a sentence. */
export class DlqRefused extends Error {
  override name = 'DlqRefused';
}

/** Where dead letters are. */
export type DlqSource =
  | { readonly kind: 'Kafka'; readonly brokers: readonly string[] }
  | { readonly kind: 'PostgreSQL'; readonly url: string; readonly port: number };

/** Finds the source. @throws DlqRefused where there is none */
export function dlqSource({ kafkaBrokers, dataDir }: Pick<Settings, 'kafkaBrokers' | 'dataDir'>): DlqSource {
  if (kafkaBrokers.length > 0) return { kind: 'Kafka', brokers: kafkaBrokers };
  const folder = resolve(dataDir);
  if (isClusterLast(folder)) return { kind: 'Kafka', brokers: kafkaOf(folder) };
  const embedded = embeddedPostgres(folder);
  if (embedded !== undefined) return embedded;
  throw new DlqRefused(
    `There is nothing to ask: KAFKA_BOOTSTRAP_SERVERS is not set, and neither a cluster (npm run cluster) nor a shop ` +
      `(npm start) runs on the data in ${folder}. Start it, or set DATA_DIR.`,
  );
}

/** The Kafka of the cluster on a data folder. */
function kafkaOf(folder: string): readonly string[] {
  const brokers = read(folder)?.kafkaBrokers;
  if (Array.isArray(brokers) && brokers.length > 0 && brokers.every((one) => typeof one === 'string')) return brokers;
  throw new DlqRefused(
    `${join(folder, 'cluster.json')} names no Kafka, as in "kafkaBrokers": ["127.0.0.1:9092"]: npm run cluster writes it anew.`,
  );
}

function read(folder: string): { readonly kafkaBrokers?: unknown } | undefined {
  try {
    return readAddresses(folder);
  } catch (error) {
    throw new DlqRefused(`${join(folder, 'cluster.json')} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** Opens the dead letters there. */
export async function openSource(source: DlqSource): Promise<DeadLetters & { close(): Promise<void> }> {
  const alert = (what: string, more: object): void => console.error(`! ${what}: ${JSON.stringify(more)}`);
  if (source.kind === 'Kafka') return openDeadLetters({ brokers: source.brokers, alert });
  return await openEmbeddedDeadLetters({ url: source.url, alert });
}

/** The source in a sentence. */
export const namedSource = (source: DlqSource): string =>
  source.kind === 'Kafka' ? `Kafka at ${source.brokers.join(', ')}` : `PostgreSQL at port ${source.port}`;

/** The server that the shop of a data folder runs: its port stands in the fourth line of its pid file. */
function embeddedPostgres(folder: string): DlqSource | undefined {
  try {
    const port = Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[3]);
    const password = readFileSync(join(folder, 'keys', 'postgres'), 'utf8').trim();
    return { kind: 'PostgreSQL', url: `postgres://${NAME}:${password}@127.0.0.1:${port}/${NAME}`, port };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new DlqRefused(`The data in ${folder} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
}
