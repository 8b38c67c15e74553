// DynamoDB Local, from the jars that ./dynamodb/pom.xml names, its data on disk.
//
// It listens on all addresses and cannot be told otherwise. So it runs in a network namespace of its own:
//
//   client ─► 127.0.0.1:port, opened here and handed on ─► dynamodb-relay.ts, in the namespace ─► DynamoDB Local, likewise
//
// Where a namespace is not permitted it runs bare, and a sentence says that the whole network can reach it.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartRefused } from '../data-dir.ts';
import { demandJava, ensureJars, jarsOf, javaServer, missingJava } from './java.ts';
import { findNamespace, type Namespace } from './network-namespace.ts';
import { isFree, stablePort } from './ports.ts';
import type { Progress } from './run.ts';
import { type Running, startServer } from './server-process.ts';

const HOST = '127.0.0.1';
const RELAY = fileURLToPath(new URL('dynamodb-relay.ts', import.meta.url));
const ANSWER_MS = 1_000;

export const dynamoServer = javaServer('DynamoDB Local', fileURLToPath(new URL('dynamodb/pom.xml', import.meta.url)));

export type DynamoLocal = Running & {
  readonly pid: number;
  readonly port: number;
  readonly endpoint: string;
  readonly region: string;
  /** Demanded by the protocol and checked by nobody. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
};

export type DynamoLocalOptions = {
  /** Data and log lie in it. */
  readonly folder: string;
  readonly mark: string;
  /** To come back on the same one; default: a free one. */
  readonly port?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Takes the sentence that says that other machines may reach it, if they may. */
  readonly warn?: (sentence: string) => void;
  /** Default: what this machine permits. */
  readonly namespace?: Namespace;
};

/** Why it cannot be started here, in a sentence; undefined if it can. */
export const missingDynamo = (): string | undefined => missingJava(dynamoServer);

/**
 * Fetches everything that starts need.
 * @throws StartRefused with what to install
 */
export const ensureDynamo = (progress: Progress = () => {}): Promise<void> => ensureJars(dynamoServer, progress);

/**
 * Starts it and waits until it answers.
 * @throws StartRefused when it is not fetched, Error with the end of the log when it does not start
 */
export async function startDynamoLocal(options: DynamoLocalOptions): Promise<DynamoLocal> {
  const { folder, mark, signal, warn = () => {}, namespace = findNamespace() } = options;
  const missing = missingDynamo();
  if (missing !== undefined) throw new StartRefused(missing);
  const java = await demandJava('DynamoDB Local');
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const port = options.port ?? (await stablePort());
  const surroundings = {
    name: 'DynamoDB Local',
    logFile: join(folder, 'dynamodb-local.log'),
    isReady: () => answersHttp(port),
    mark,
    signal,
  };
  let running: Running & { readonly pid: number };
  if (namespace.permitted) {
    const [enter, ...words] = namespace.enter;
    const door = await openDoor(port);
    try {
      running = await startServer({
        ...surroundings,
        command: enter as string,
        args: [...words, process.execPath, RELAY, String(port), java, ...serverArgs(port, data)],
        ipc: true,
        onSpawn: (child) => handOn(child, door),
      });
    } finally {
      door.close();
    }
  } else {
    if (!(await isFree(port))) throw new Error(`DynamoDB Local cannot have port ${port}: somebody else listens on it.`);
    warn(exposed(port, namespace.why));
    running = await startServer({ ...surroundings, command: java, args: serverArgs(port, data) });
  }
  const credentials = { accessKeyId: 'souk', secretAccessKey: 'souk' };
  return { ...running, port, endpoint: `http://${HOST}:${port}`, region: 'eu-west-1', credentials };
}

/** What a person must know where there is no namespace. */
export const exposed = (port: number, why: string): string =>
  `DynamoDB Local listens on ALL addresses of this machine, port ${port}, without a password: it cannot be told otherwise, ` +
  `and a network namespace is not permitted here (${why}). Close the port to others, or run it where nobody else is.`;

function serverArgs(port: number, data: string): readonly string[] {
  const jars = jarsOf(dynamoServer);
  return [
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    `-Djava.library.path=${jars}`,
    '-cp',
    `${jars}/*`,
    'software.amazon.dynamodb.services.local.main.ServerRunner',
    '-port',
    String(port),
    '-dbPath',
    data,
    '-sharedDb',
    '-disableTelemetry',
  ];
}

/** A socket belongs to the namespace that it was opened in, whoever accepts from it: the door between the two. */
async function openDoor(port: number): Promise<Server> {
  const door = createServer((early) => early.destroy()); // until it is handed on, nobody is behind it
  door.listen(port, HOST);
  await once(door, 'listening');
  return door;
}

function handOn(child: ChildProcess, door: Server): void {
  child.on('error', () => {}); // that it cannot be run is told by its end
  if (child.pid !== undefined) child.send('door', door, () => door.close());
}

async function answersHttp(port: number): Promise<boolean> {
  const response = await fetch(`http://${HOST}:${port}`, { signal: AbortSignal.timeout(ANSWER_MS) });
  await response.body?.cancel();
  return true; // it refuses a request without a signature, which is an answer
}
