// How the REPL finds the shop and becomes a node of it, one without services.
//
//   NATS_URL, else the newer of DATA_DIR/cluster.json (npm run cluster) and DATA_DIR/repl.sock (npm start) ─► joined

import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BrokerOptions, ServiceBroker } from 'moleculer';
import { NatsRefused } from '../../../brokers/nats-transporter.ts';
import type { Settings } from '../../../mixins/settings.ts';
import { brokerOptions } from '../../../moleculer.config.ts';
import { readAddresses } from '../cluster/addresses.ts';
import { replSocket } from '../../node/repl-server.ts';
import { fitsSocket, SocketNode } from '../socket-transporter.ts';
import type { Operator } from './operator.ts';

/** How long the shop may take to answer the first time, in milliseconds. */
const JOIN_WITHIN_MS = 5_000;
const LOOK_AGAIN_MS = 10;

/** There is no shop to join; the message says what to do. */
export class NoShop extends Error {
  override readonly name = 'NoShop';
}

/** Where a shop is: a cluster by its NATS, with what says so, or an embedded shop by its socket. */
export type Place =
  | { readonly kind: 'cluster'; readonly natsUrl: string; readonly by: string }
  | { readonly kind: 'embedded'; readonly path: string };

/**
 * Where the shop of these settings is.
 * @throws NoShop when nothing says that there is one
 */
export function findShop({ natsUrl, dataDir: folder }: Pick<Settings, 'natsUrl' | 'dataDir'>): Place {
  if (natsUrl !== undefined) return { kind: 'cluster', natsUrl, by: 'NATS_URL' };
  const dataDir = resolve(folder);
  const [file, path] = doorsOf(dataDir);
  if (isClusterLast(dataDir)) return { kind: 'cluster', natsUrl: natsUrlIn(dataDir, file), by: file };
  if (existsSync(path)) return { kind: 'embedded', path };
  if (!fitsSocket(path))
    throw new NoShop(`The path ${path} is too long for a socket: start the shop with a DATA_DIR that lies less deep.`);
  throw new NoShop(`No shop is running on the data in ${dataDir}: npm start, or set DATA_DIR to the shop's.`);
}

/** What says where a cluster is, and where an embedded shop. */
const doorsOf = (dataDir: string) => [join(dataDir, 'cluster.json'), replSocket(dataDir)] as const;

/** Whether the last shop on the folder is a cluster. One that was killed leaves its file behind: the newer one counts. */
export function isClusterLast(dataDir: string): boolean {
  const [cluster, embedded] = doorsOf(dataDir);
  return startedAt(cluster) > startedAt(embedded);
}

function startedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function natsUrlIn(dataDir: string, file: string): string {
  let natsUrl: unknown;
  try {
    natsUrl = readAddresses(dataDir)?.natsUrl;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES')
      throw new NoShop('The cluster belongs to another user of this machine.');
    throw new NoShop(`${file} is no JSON (${(error as Error).message}): npm run cluster writes it anew.`);
  }
  if (typeof natsUrl === 'string' && /^nats:\/\/\S+$/.test(natsUrl)) return natsUrl;
  throw new NoShop(`${file} names no NATS, as in "natsUrl": "nats://127.0.0.1:4222": npm run cluster writes it anew.`);
}

/**
 * Joins the shop; `onClosed` is called when an embedded shop has gone.
 * @throws NoShop when nobody answers there
 */
export async function joinShop(
  place: Place,
  settings: Settings,
  { middleware }: Operator,
  onClosed: () => void,
): Promise<ServiceBroker> {
  const nodeId = `repl-${process.pid}`;
  const natsUrl = place.kind === 'cluster' ? place.natsUrl : undefined;
  const embedded: BrokerOptions =
    place.kind === 'embedded'
      ? { transporter: new SocketNode(place.path, onClosed), transit: { disableReconnect: true } }
      : {};
  const broker = new ServiceBroker({
    ...brokerOptions({ ...settings, nodeId, natsUrl }, ''),
    logger: { type: 'Console', options: { level: 'error' } },
    ...embedded,
    // Who looks into a fault wants to see it: nothing is tried elsewhere, and no circuit opens here.
    internalMiddlewares: true,
    middlewares: [middleware],
    circuitBreaker: { enabled: false },
    retryPolicy: { enabled: false },
    tracking: { enabled: false },
  });
  await (place.kind === 'cluster' ? joinCluster(broker, place) : joinEmbedded(broker));
  return broker;
}

async function joinCluster(broker: ServiceBroker, { natsUrl, by }: Extract<Place, { kind: 'cluster' }>): Promise<void> {
  const late = Promise.withResolvers<never>();
  // Who signs in stays unsaid.
  const shown = natsUrl.replaceAll(/\/\/[^@/]*@/g, '//');
  const sentence = `There is no NATS at ${shown}, where ${by} says that the cluster is. Was its supervisor killed? npm run cluster starts it again.`;
  const timeout = setTimeout(() => late.reject(new NoShop(sentence)), JOIN_WITHIN_MS);
  try {
    await Promise.race([broker.start(), late.promise]);
  } catch (error) {
    throw error instanceof NatsRefused ? new NoShop(error.message, { cause: error }) : error;
  } finally {
    clearTimeout(timeout);
  }
  try {
    await broker.waitForServices('repl', JOIN_WITHIN_MS, LOOK_AGAIN_MS);
  } catch {
    throw new NoShop(
      `NATS at ${shown} answers, but no node of the shop does: is the cluster starting or stopping, or was its supervisor killed? npm run cluster starts it again.`,
    );
  }
}

async function joinEmbedded(broker: ServiceBroker): Promise<void> {
  try {
    await broker.start();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED')
      throw new NoShop('No shop is running here: its socket was left by one that was killed. Type npm start.');
    if (code === 'EACCES') throw new NoShop('The shop belongs to another user of this machine.');
    throw error;
  }
  await broker.waitForServices(['repl', 'orders', 'inventory'], JOIN_WITHIN_MS, LOOK_AGAIN_MS);
}
