// A single backend of PostgreSQL dies. kill -9 makes the postmaster end all the others and recover from the log, because
// shared memory can no longer be trusted; pg_terminate_backend ends one session and harms nobody else.
//
//   kill -9 of one ─► all sessions end ─► crash recovery ─► serves         pg_terminate_backend ─► one session ends

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../../infra/local/cluster/cluster.fixture.ts';
import type { Fault, FaultSource } from './fault.ts';
import { askPostgres, isGone, lifting, pidNow, serversOf, type Sql } from './witness.ts';

const SEEN_WITHIN_MS = 30_000;
/** More than a cluster has sessions: which one is hit is drawn before they are known. */
const MANY = 1_000_000;

/** Sessions of nodes, by their context; which of a context is drawn. */
export const backendFaults: FaultSource = (world, chance) => {
  const [postgres] = serversOf(world, /^postgres$/);
  if (postgres === undefined) return [];
  return [
    fault('kill -9 of one backend', chance.below(MANY), killOne),
    fault('pg_terminate_backend of one session', chance.below(MANY), terminateOne),
  ].map((each) =>
    pidNow(world, postgres) === undefined
      ? { ...each, impossible: 'PostgreSQL is run by somebody else (DB_HOST), or does not run.' }
      : each,
  );
};

interface Session {
  readonly pid: number;
  /** `souk orders-1` */
  readonly name: string;
  readonly role: string;
}

type Hit = (session: Session, sql: Sql) => Promise<void>;

const killOne: Hit = async ({ pid }) => void process.kill(pid, 'SIGKILL');
const terminateOne: Hit = async ({ pid }, sql) => void (await sql('select pg_terminate_backend(?)', [pid]));

function fault(target: string, drawn: number, hit: Hit): Fault {
  return {
    kind: 'postgres-backend',
    target,
    lastsMs: 0,
    async inject(world) {
      const logFile = join(world.cluster.dataDir, 'postgres.log');
      const postmaster = world.cluster.pidOf('postgres');
      const logged = statSync(logFile).size;
      const before = await askPostgres(world, sessions);
      const session = before[drawn % before.length];
      if (session === undefined) throw new Error('no node has a session at PostgreSQL');
      world.say(`${target}: ${session.name} (${session.role})`);
      await askPostgres(world, async (sql) => {
        // Asked again after an outage, it may be gone already: that is what was wanted.
        if ((await sessions(sql)).some(({ pid }) => pid === session.pid)) await hit(session, sql);
      }).catch((error: unknown) => {
        throw new Error(`${target} failed`, { cause: error });
      });
      // What is gone is gone: recovery begins here.
      const { isLifted, healedAt } = lifting();
      isLifted();
      await isGone(session.pid);
      let after: readonly Session[] = [];
      return {
        async heal() {
          after = await until(
            'nodes have sessions again',
            async () => {
              const found = await askPostgres(world, sessions);
              return found.some(({ name }) => name === session.name) ? found : undefined;
            },
            SEEN_WITHIN_MS,
          );
        },
        healedAt,
        async evidence() {
          if (after.length === 0) return [];
          const ended = before.filter(({ pid }) => !after.some((other) => other.pid === pid)).length;
          const lines = readFileSync(logFile).subarray(logged).toString().split('\n');
          const said = lines.filter((line) =>
            /terminated by signal 9|due to administrator command|reinitializing|automatic recovery/.test(line),
          );
          const isSame = pidNow(world, 'postgres') === postmaster;
          return [
            `process ${session.pid}, a session of ${session.name} as ${session.role}, is gone; ${ended} of ${before.length} sessions are others now, the postmaster is ${isSame ? 'the same' : 'another'}`,
            ...said.slice(0, 3).map((line) => `PostgreSQL's log: ${line.trim()}`),
          ];
        },
      };
    },
  };
}

const sessions = (sql: Sql): Promise<readonly Session[]> =>
  sql<Session>(
    `select pid, application_name as name, usename as role from pg_stat_activity
     where backend_type = 'client backend' and application_name like 'souk %' order by application_name, pid`,
  );
