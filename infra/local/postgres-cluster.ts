// The files of the embedded PostgreSQL: made on first use, taken over when they were restored by root.
//
//   initdb ─► role and database in single-user mode ─► renamed into place, so it is there as a whole or not at all
//
// Who can log in is `souk`, which is no superuser, and the roles that it makes for contexts; the superuser has no
// password, hence no way in but single-user mode, which needs the files themselves.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type DataDir, StartRefused, writeDurably } from './data-dir.ts';
import { syncFolder } from './durable-files.ts';
import { type Account, giveTo } from './postgres-account.ts';
import type { Binaries } from './postgres-binaries.ts';
import { clusterMark } from './postgres-orphans.ts';

/** The name of the role and of its database. */
export const NAME = 'souk';
const PASSWORD_BYTES = 24;

/** What all steps need to know. */
export type Cluster = {
  readonly folder: string;
  readonly dataDir: DataDir;
  readonly keyFile: string;
  readonly binaries: Binaries;
  /** As whom its programs run; undefined is the current user. */
  readonly account: Account | undefined;
};

/**
 * Makes the files ready for a start: creates them on first use, otherwise sees to owner and password.
 * No server may be running on them. The password lies in the key file `keys/postgres` of the data folder.
 * @throws StartRefused when the files belong to another user, Error when PostgreSQL's own tools fail
 */
export async function ensureCluster(cluster: Cluster, onCreate: () => void): Promise<void> {
  const { folder, keyFile } = cluster;
  removeDrafts(folder);
  if (!existsSync(folder)) {
    onCreate();
    await createCluster(cluster);
    return;
  }
  takeOwnership(cluster);
  if (!existsSync(keyFile)) await renewPassword(cluster, keyFile);
  await renewAccess(cluster);
}

/**
 * Who may connect, and how: the shop's role, and to its database those of the contexts, by their passwords, through the
 * local socket or from this machine.
 */
const ACCESS = `local all ${NAME} scram-sha-256
host all ${NAME} 127.0.0.1/32 scram-sha-256
local ${NAME} /^${NAME}_[a-z]+$ scram-sha-256
host ${NAME} /^${NAME}_[a-z]+$ 127.0.0.1/32 scram-sha-256
`;
/** The role makes those of the contexts; over roles that it did not make it has no power. */
const RIGHTS = 'CREATEDB CREATEROLE';

/** Built beside its place and renamed, so that a start cut short leaves only a draft, which the next one removes. */
async function createCluster(cluster: Cluster): Promise<void> {
  const { folder, binaries, account } = cluster;
  const draft = `${folder}.new-${process.pid}`;
  mkdirSync(draft, { mode: 0o700 });
  if (account) chownSync(draft, account.uid, account.gid);
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--locale=C.UTF-8'];
  const access = ['--username=postgres', '--auth-local=reject', '--auth-host=scram-sha-256', '--data-checksums'];
  await run(cluster, binaries.initdb, ['-D', draft, ...locale, ...access, '--no-instructions']);
  await runSingleUser(
    cluster,
    draft,
    `CREATE ROLE ${NAME} LOGIN ${RIGHTS} PASSWORD '${passwordOf(cluster)}'`,
    `CREATE DATABASE ${NAME} OWNER ${NAME} STRATEGY file_copy`,
  );
  // initdb makes the file, and with it its owner; the superuser, who has no password, is let in by neither way.
  writeFileSync(accessFile(draft), ACCESS);
  renameSync(draft, folder);
  syncFolder(dirname(folder));
}

function removeDrafts(folder: string): void {
  for (const name of readdirSync(dirname(folder))) {
    // An initdb that outlived its shop may still write into its draft.
    const patient = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 };
    if (name.startsWith('postgres.new-')) rmSync(join(dirname(folder), name), patient);
  }
}

/** A cluster copied or restored by root is root's; the server demands that it is its own. */
function takeOwnership({ folder, account }: Cluster): void {
  const { uid } = statSync(folder);
  if (account && uid !== account.uid) giveTo(account, folder);
  if (!account && uid !== process.getuid?.()) {
    throw new StartRefused(
      `The database in ${folder} belongs to user ${uid}, probably since the shop was started by root before. ` +
        `Start it by root again, or give the data to this user (chown -R), or set DATA_DIR to another folder.`,
    );
  }
}

/** Whoever has the files may have a new password. It is kept only once it holds, so this may be cut short anywhere. */
async function renewPassword(cluster: Cluster, keyFile: string): Promise<void> {
  const password = randomBytes(PASSWORD_BYTES).toString('hex');
  await runSingleUser(cluster, cluster.folder, `ALTER ROLE ${NAME} PASSWORD '${password}'`);
  writeDurably(keyFile, `${password}\n`, 0o600);
}

const accessFile = (folder: string) => join(folder, 'pg_hba.conf');

/** A cluster of an earlier release lets only one role in, and that one may make no others. The file comes last. */
async function renewAccess(cluster: Cluster): Promise<void> {
  const file = accessFile(cluster.folder);
  if (existsSync(file) && readFileSync(file, 'utf8') === ACCESS) return;
  await runSingleUser(cluster, cluster.folder, `ALTER ROLE ${NAME} ${RIGHTS}`);
  writeFileSync(file, ACCESS);
}

/** One statement a line, without a network or a password. It is how the superuser acts. */
async function runSingleUser(cluster: Cluster, folder: string, ...statements: string[]): Promise<void> {
  const settings = flags({ exit_on_error: 'on', cluster_name: clusterMark(folder), log_checkpoints: 'off' });
  const args = ['--single', '-D', folder, ...settings, 'postgres'];
  await run(cluster, cluster.binaries.postgres, args, `${statements.join('\n')}\n`);
}

function run({ account }: Cluster, program: string, args: string[], input = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...surroundings(account), stdio: 'pipe' });
    let errors = '';
    child.stdout.resume();
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.stdin.on('error', () => {}); // it ended before it read everything; its exit status tells
    child.stdin.end(input);
    child.once('error', (error) => reject(notRunnable(program, error)));
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} failed (${signal ?? `status ${code}`}): ${errors.trim()}`));
    });
  });
}

/** The password of the role, made on first use. */
export function passwordOf({ dataDir, keyFile }: Cluster): string {
  return dataDir.secret(basename(keyFile), PASSWORD_BYTES).toString('hex');
}

/** How the programs are spawned. Neither our PG* variables nor a working folder that it may not enter reach the server. */
export function surroundings(account: Account | undefined) {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' };
  return { cwd: '/', env, ...(account && { uid: account.uid, gid: account.gid }) };
}

/** Settings as options of the server program. */
export function flags(settings: Record<string, string | number>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** What a failed `spawn` means. */
export function notRunnable(program: string, error: Error): StartRefused {
  return new StartRefused(
    `PostgreSQL cannot be run (${error.message}). Check that ${program} is readable and executable for this user; ` +
      `the program needs glibc on Linux, which Alpine lacks.`,
    { cause: error },
  );
}
