// Apache Kafka on loopback, as one node or three, without ZooKeeper (KRaft), from the jars that ./kafka/pom.xml names:
//
//   ensureKafka   jars ─► bootstrap.checkpoint (features, by StorageTool) ─► class archive (halves the start); all in the cache
//   planKafka     who is there, on which ports, on which data
//   startKafkaNode   files of a new folder ─► java kafka.Kafka ─► it names itself among the live brokers
//
// What was acknowledged survives kill -9: the next start of the node is on the same data.

import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { letWait } from '../niceness.ts';
import { StartRefused, writeDurably } from '../data-dir.ts';
import { ensureCached } from './cache.ts';
import { demandJava, ensureJars, jarsOf, javaServer, missingJava } from './java.ts';
import { askBroker } from './kafka-metadata.ts';
import { type KafkaNode, kafkaSettings, propertiesOf } from './kafka-settings.ts';
import { stablePorts } from './ports.ts';
import { type Progress, run } from './run.ts';
import { type Running, startServer } from './server-process.ts';

const HOST = '127.0.0.1';
/** One garbage collector thread and one compiler: a broker of ours is small, and starts a third faster so. */
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Djava.awt.headless=true'];
const LOGGING = ['-Dlog4j2.level=warn'];
const HEAP_ALONE = '-Xmx512m';
const HEAP_OF_SEVERAL = '-Xmx384m';
/** Nodes that stop together cannot hand over to each other, and would wait for it; what they hold is on the disk. */
const STOP_OF_SEVERAL_MS = 2_500;
/** The last step of a run that archives its classes writes 48 MB. */
const ARCHIVE_STOP_MS = 60_000;

export const kafkaServer = javaServer('Kafka', fileURLToPath(new URL('kafka/pom.xml', import.meta.url)));
/** The mark of a broker that only runs to be prepared. */
export const preparationMark = `prepare-${process.pid}`;
const checkpoint = () => join(kafkaServer.home, 'bootstrap.checkpoint');
const archive = () => join(kafkaServer.home, 'classes.jsa');

/** A cluster of brokers on this machine; which of them run is another matter. */
export interface KafkaCluster {
  readonly clusterId: string;
  readonly nodes: readonly KafkaNode[];
  /** "127.0.0.1:20001,127.0.0.1:20002" */
  readonly bootstrapServers: string;
}

/** Why Kafka cannot be started here, in a sentence; undefined if it can. */
export const missingKafka = (): string | undefined =>
  missingJava(kafkaServer) ??
  (existsSync(checkpoint()) ? undefined : 'Kafka is not fetched yet: run "node infra/local/servers/fetch.ts".');

/**
 * Fetches and prepares everything that starts need.
 * @throws StartRefused with what to install
 */
export async function ensureKafka(progress: Progress = () => {}): Promise<void> {
  await ensureJars(kafkaServer, progress);
  const java = await demandJava('Kafka');
  if (!existsSync(checkpoint())) progress('preparing Kafka');
  await ensureCached(checkpoint(), (draft) => makeCheckpoint(java, draft));
  if (!existsSync(archive())) progress('preparing Kafka: its classes, so that it starts faster');
  await ensureCached(archive(), makeArchive);
}

/**
 * Says who is in the cluster: as the data in the folder have it, or a new one.
 * @param nodes 1, or 3 of which one may be lost
 * @throws StartRefused when the data are of a cluster of another size
 */
export async function planKafka(folder: string, nodes: 1 | 3): Promise<KafkaCluster> {
  const file = join(folder, 'cluster.json');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) writeDurably(file, `${JSON.stringify({ clusterId: kafkaId(), nodes })}\n`, 0o600);
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { clusterId: string; nodes: number };
  if (kept.nodes !== nodes) {
    throw new StartRefused(
      `The data in ${folder} are of a Kafka with ${count(kept.nodes)}, and ${count(nodes)} were asked for. ` +
        `Ask for ${kept.nodes}, or set DATA_DIR to another folder.`,
    );
  }
  const ports = await stablePorts(nodes * 2);
  const members = Array.from({ length: nodes }, (_, index): KafkaNode => {
    const [port, controllerPort] = [ports[index * 2] as number, ports[index * 2 + 1] as number];
    return { id: index + 1, port, controllerPort, folder: join(folder, `node-${index + 1}`) };
  });
  const bootstrapServers = members.map(({ port }) => `${HOST}:${port}`).join(',');
  return { clusterId: kept.clusterId, nodes: members, bootstrapServers };
}

export type KafkaStart = { readonly mark: string; readonly signal?: AbortSignal | undefined };

/**
 * Starts one node of a cluster and waits until it serves, for which most of the nodes must run.
 * @throws StartRefused when Kafka is not fetched, Error with the end of the log when it does not start
 */
export async function startKafkaNode(
  { clusterId, nodes }: KafkaCluster,
  node: KafkaNode,
  { mark, signal }: KafkaStart,
): Promise<Running & { readonly pid: number }> {
  const missing = missingKafka();
  if (missing !== undefined) throw new StartRefused(missing);
  const java = await demandJava('Kafka');
  const properties = layOut(clusterId, nodes, node);
  const archived = existsSync(archive()) ? [`-XX:SharedArchiveFile=${archive()}`, '-Xlog:disable'] : [];
  return startServer({
    name: `Kafka, node ${node.id}`,
    command: java,
    args: [...archived, ...jvm(nodes.length), 'kafka.Kafka', properties],
    logFile: join(node.folder, 'kafka.log'),
    isReady: () => serves(node, clusterId),
    mark,
    signal,
    onSpawn: letWait,
    ...(nodes.length > 1 && { stopMs: STOP_OF_SEVERAL_MS }),
  });
}

async function serves({ id, port }: KafkaNode, clusterId: string): Promise<boolean> {
  const answer = await askBroker(port);
  return answer?.clusterId === clusterId && answer.brokers.includes(id);
}

const jvm = (nodes: number) => [
  nodes === 1 ? HEAP_ALONE : HEAP_OF_SEVERAL,
  ...JVM,
  ...LOGGING,
  '-cp',
  `${jarsOf(kafkaServer)}/*`,
];

/** The settings are written anew at each start; identity and features only into a new folder. */
function layOut(clusterId: string, nodes: readonly KafkaNode[], node: KafkaNode): string {
  const data = join(node.folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const properties = join(node.folder, 'server.properties');
  writeFileSync(properties, propertiesOf(kafkaSettings(nodes, node)), { mode: 0o600 });
  const identity = join(data, 'meta.properties');
  if (existsSync(identity)) return properties;
  const features = join(data, 'bootstrap.checkpoint');
  copyFileSync(checkpoint(), `${features}.new`);
  renameSync(`${features}.new`, features);
  // Last and as a whole: with it the folder counts as formatted.
  const ids = { version: 1, 'node.id': node.id, 'cluster.id': clusterId, 'directory.id': kafkaId() };
  writeDurably(identity, propertiesOf(ids), 0o600);
  return properties;
}

/** Kafka's way to write 16 random bytes. One that begins with a dash would be taken for an option by its tools. */
function kafkaId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}

/** Which features a new cluster has, as Kafka's own tool writes it: no ids in it, so one per version serves all. */
async function makeCheckpoint(java: string, draft: string): Promise<void> {
  await inScratch(async (folder) => {
    const node: KafkaNode = { id: 1, port: 9092, controllerPort: 9093, folder };
    const properties = join(folder, 'server.properties');
    writeFileSync(properties, propertiesOf(kafkaSettings([node], node)));
    const words = ['format', '--cluster-id', kafkaId(), '--config', properties];
    await run(java, [...jvm(1), 'kafka.tools.StorageTool', ...words]);
    copyFileSync(join(folder, 'data', 'bootstrap.checkpoint'), draft);
  });
}

/** A broker that was started and stopped once leaves its loaded classes behind, ready to be mapped by the next. */
async function makeArchive(draft: string): Promise<void> {
  await inScratch(async (folder) => {
    const { clusterId, nodes } = await planKafka(folder, 1);
    const node = nodes[0] as KafkaNode;
    const properties = layOut(clusterId, nodes, node);
    const broker = await startServer({
      name: 'Kafka',
      command: await demandJava('Kafka'),
      args: [`-XX:ArchiveClassesAtExit=${draft}`, '-Xlog:disable', ...jvm(1), 'kafka.Kafka', properties],
      logFile: join(folder, 'kafka.log'),
      isReady: () => serves(node, clusterId),
      mark: preparationMark,
      stopMs: ARCHIVE_STOP_MS,
    });
    await broker.stop();
  });
}

async function inScratch(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'souk-kafka-'));
  const sweep = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', sweep);
  try {
    await work(folder);
  } finally {
    process.off('exit', sweep);
    sweep();
  }
}

const count = (nodes: number): string => (nodes === 1 ? 'one node' : `${nodes} nodes`);
