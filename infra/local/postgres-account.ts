// As whom the embedded PostgreSQL runs. An ordinary user runs it as himself. Root cannot, since PostgreSQL refuses root:
// then it is the account that owns the data already, else the system's `postgres`, else `nobody`. No account is created.
// Such an account must be able to reach the binaries and the data, which a closed parent folder prevents; that is found
// here, before anything is started, and told with the folder's name.

import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lchownSync, readdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type DataDir, StartRefused } from './data-dir.ts';

const execute = promisify(execFile);
const CANDIDATES = ['postgres', 'nobody'];

/** The account a server process is started as. */
export type Account = { readonly uid: number; readonly gid: number; readonly name: string };

/**
 * Chooses the account, and makes the data reachable for it where that is ours to do.
 * @param cluster the folder of the database cluster; need not exist yet
 * @returns undefined when the server runs as the current user
 * @throws StartRefused when there is no account, or a folder on the way is closed to it
 */
export async function serverAccount(dataDir: DataDir, cluster: string, binaries: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) {
    if (!existsSync(cluster)) demandName();
    return undefined;
  }
  const account = (await ownerOf(cluster)) ?? (await ownerOf(dataDir.path)) ?? (await systemAccount());
  if (firstClosed(account, dataDir.path) === dataDir.path && statSync(dataDir.path).uid === 0) {
    // Passing through is enough: names and contents of the other files stay closed to it.
    chownSync(dataDir.path, 0, account.gid);
    chmodSync(dataDir.path, statSync(dataDir.path).mode | 0o010);
  }
  const closed = firstClosed(account, binaries) ?? firstClosed(account, dataDir.path);
  if (closed !== undefined) throw new StartRefused(closedSentence(closed, account));
  return account;
}

/** Gives a folder with all that is in it to the account (a copy made by root belongs to root, which the server refuses). */
export function giveTo(account: Account, path: string): void {
  lchownSync(path, account.uid, account.gid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) giveTo(account, join(path, entry.name));
    else lchownSync(join(path, entry.name), account.uid, account.gid);
  }
}

/** initdb looks up the name of its user and fails without one, as with `docker run --user 12345`. */
function demandName(): void {
  try {
    userInfo();
  } catch (error) {
    const uid = process.getuid?.();
    throw new StartRefused(
      `PostgreSQL creates its files only for a user that has a name, and user ${uid} has none. ` +
        `Add a line for it to /etc/passwd, or start the shop as another user.`,
      { cause: error },
    );
  }
}

async function ownerOf(path: string): Promise<Account | undefined> {
  const { uid, gid } = statSync(path, { throwIfNoEntry: false }) ?? { uid: 0, gid: 0 };
  if (uid === 0) return undefined;
  // initdb needs a name for its user; an id without one (from a foreign system) is passed over.
  const name = await ask('id', '-un', String(uid));
  return name === undefined ? undefined : { uid, gid, name };
}

async function systemAccount(): Promise<Account> {
  for (const name of CANDIDATES) {
    const [uid, gid] = await Promise.all([ask('id', '-u', name), ask('id', '-g', name)]);
    if (uid && gid && uid !== '0') return { uid: Number(uid), gid: Number(gid), name };
  }
  throw new StartRefused(
    `PostgreSQL does not run as root, and this system has none of the users ${CANDIDATES.join(', ')}. Start the shop as an ordinary user.`,
  );
}

async function ask(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    return (await execute(command, args)).stdout.trim();
  } catch {
    return undefined;
  }
}

/** The outermost folder on the way to `path` that the account cannot enter. Tried, not computed: access lists count too. */
function firstClosed({ uid, gid, name }: Account, path: string): string | undefined {
  const way: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) way.unshift(at);
  const enter = 'for d; do cd "$d" 2>/dev/null || { printf %s "$d"; exit 1; }; done';
  const tried = spawnSync('/bin/sh', ['-c', enter, 'sh', ...way], { uid, gid, cwd: '/', env: {}, encoding: 'utf8' });
  if (tried.error) {
    // A container may deny root to become somebody else.
    const why = `PostgreSQL does not run as root, and root may not become "${name}" here (${tried.error.message}).`;
    throw new StartRefused(`${why} Start the shop as an ordinary user.`, { cause: tried.error });
  }
  return tried.status === 0 ? undefined : tried.stdout;
}

function closedSentence(folder: string, { name }: Account): string {
  const mode = (statSync(folder).mode & 0o777).toString(8);
  return (
    `PostgreSQL does not run as root, and the user "${name}", as whom it runs instead, cannot enter ${folder} (mode ${mode}). ` +
    `Open that folder for passing through (chmod o+x '${folder}'), or start the shop as an ordinary user, ` +
    `or put the checkout and DATA_DIR below a folder that is open to other users.`
  );
}
