// What shows from outside that a process was hit: which one serves under a name, what the kernel says of it, what its
// ports answer. Faults ask here for their evidence; nothing of it goes by what a process says of itself.
//
//   supervisor ─► pid, changes        /proc/<pid>/stat ─► state, processor time        connect ─► refused

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { MikroORM } from '@mikro-orm/postgresql';
import { until } from '../../../infra/local/cluster/cluster.fixture.ts';
import { portsOfProcess } from '../../../infra/local/servers/listeners.fixture.ts';
import type { History } from '../history/operation.ts';
import { historyClock } from '../history/recorder.ts';
import type { World } from '../world.ts';

/** A server that was away for a minute is read in again from its log; a node waits for all that it needs. */
const BACK_WITHIN_MS = 120_000;
const GONE_WITHIN_MS = 10_000;
const CONNECT_MS = 1_000;
const ANSWERS_WITHIN_MS = 60_000;

/** Everything that the supervisor keeps running and that is no node. */
const servers = /^(nats|kafka|kafka-\d+|dynamodb|postgres|schema|provider)$/;

type Cluster = Pick<World, 'cluster'>;

/** Names of the nodes, `orders-1` to `api-2`. */
export const nodesOf = ({ cluster }: Cluster): readonly string[] =>
  cluster.supervisor
    .states()
    .map(({ name }) => name)
    .filter((name) => /-\d+$/.test(name) && !servers.test(name));

/** Names of those units that are there, of the servers and the provider. */
export const serversOf = ({ cluster }: Cluster, wanted: RegExp): readonly string[] =>
  cluster.supervisor
    .states()
    .map(({ name }) => name)
    .filter((name) => servers.test(name) && wanted.test(name));

/** The process that serves under a name now; undefined: none does. */
export const pidNow = ({ cluster }: Cluster, name: string): number | undefined =>
  cluster.supervisor.states().find((state) => state.name === name && state.state === 'ready')?.pid;

/**
 * Resolves with the process once another one than before serves under this name.
 * @throws Error if none does within two minutes, or its supervisor has given it up
 */
export const isBack = (world: Cluster, name: string, before: number): Promise<number> =>
  until(
    `${name} is back`,
    () => {
      const state = world.cluster.supervisor.states().find((each) => each.name === name);
      if (state?.state === 'given-up') throw new Error(`${name} was given up: ${state.reason}`);
      const pid = pidNow(world, name);
      return pid !== before ? pid : undefined;
    },
    BACK_WITHIN_MS,
  );

/** A moment that an `Injected` tells as `healedAt`. */
export interface Lifting {
  /** The harm is taken away now; only the first call counts. */
  isLifted(): void;
  /** When it was, in milliseconds since 1970 on the clock of the history; undefined: it is not yet. */
  readonly healedAt: () => number | undefined;
}

/** Keeps the moment at which harm is taken away, which is before what it hit serves again. */
export function lifting(): Lifting {
  let at: number | undefined;
  return {
    isLifted: () => void (at ??= historyClock()),
    healedAt: () => at,
  };
}

/** What the kernel says of a process; undefined: there is none. */
export interface ProcessState {
  /** `S` sleeps, `R` runs, `T` is stopped by a signal, `Z` has ended. */
  readonly state: string;
  /** Processor time that it has used, in ticks of the kernel. */
  readonly ticks: number;
}

/** Reads `/proc/<pid>/stat`. */
export function processState(pid: number): ProcessState | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The second field is the program's name in parentheses and may hold anything; the others follow behind it. */
export function parseStat(line: string): ProcessState {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', ticks: Number(fields[11]) + Number(fields[12]) };
}

/** Resolves when the process is no more. */
export const isGone = (pid: number): Promise<unknown> =>
  until(`process ${pid} is gone`, () => [undefined, 'Z'].includes(processState(pid)?.state), GONE_WITHIN_MS);

/** The ports of loopback on which a process and its descendants listen. */
export const portsOf = (pid: number): readonly number[] => portsOfProcess(pid);

/** Whether nobody listens on a port of loopback: the kernel refuses the connection. */
export function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: CONNECT_MS });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(false));
    socket.once('timeout', () => end(false));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(code === 'ECONNREFUSED'));
  });
}

/** How operations ended that began in this history, as a sentence; undefined if all went well, or there was none. */
export function harmDone(history: History): string | undefined {
  const broken = history.filter(({ ending }) => ending?.error !== undefined).length;
  const refused = history.filter(({ ending }) => ending?.status === 503).length;
  if (broken + refused === 0) return undefined;
  return `of ${history.length} operations ${refused} were refused with 503 and ${broken} got no answer`;
}

/** A connection of the administrator's, for a moment. */
export interface Sql {
  <T extends object>(statement: string, parameters?: readonly unknown[]): Promise<readonly T[]>;
}

/** Asks PostgreSQL as its administrator; again while it does not answer. @throws Error after a minute without an answer */
export async function askPostgres<T>({ cluster }: Cluster, work: (sql: Sql) => Promise<T>): Promise<T> {
  let said: unknown;
  return await until(
    'PostgreSQL answers',
    async () => {
      try {
        return { answer: await once(cluster.postgresUrl, work) };
      } catch (error) {
        said = error;
        return undefined;
      }
    },
    ANSWERS_WITHIN_MS,
  ).then(
    ({ answer }) => answer,
    (error: Error) => {
      throw new Error(`${error.message}: ${String(said)}`, { cause: said });
    },
  );
}

async function once<T>(clientUrl: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const orm = new MikroORM({ entities: [], clientUrl, discovery: { warnWhenNoEntities: false } });
  try {
    return await work((statement, parameters = []) => orm.em.getConnection().execute(statement, [...parameters]));
  } finally {
    await orm.close(true);
  }
}
