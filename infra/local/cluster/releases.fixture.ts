// Two releases of the shop: this checkout, and the code from before the newest migration, taken from git.
//
//   the newest migration ─► the commit before it ─► git archive ─► a folder, with the packages of this checkout

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MikroORM } from '@mikro-orm/postgresql';
import { isContext } from '../../../mixins/postgres/roles.ts';
import { migrationsOfAll } from '../migrations.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MIGRATIONS = 'services/*/migrations/*.ts';
const NODE = 'infra/node/node.ts';

/** Code that can run as nodes. */
export interface Release {
  readonly root: string;
  /** Of a node. */
  readonly program: string;
  /** `npm run migrate` with this code; resolves to what it says. */
  migrate(where: { readonly postgresUrl: string; readonly keysDir: string }): Promise<string>;
}

/** The release before this checkout. */
export interface Previous {
  readonly commit: string;
  /** The migrations that came after it, as paths. */
  readonly migrations: readonly string[];
  /** Its code was written for other packages than those that are installed. */
  readonly hasOtherPackages: boolean;
}

/** The code of this checkout. */
export const current: Release = releaseIn(ROOT);

/** The release from before the newest migration, or a sentence that says why there is none to be had here. */
export function findPrevious(): Previous | string {
  try {
    const uncommitted = lines(
      git('diff', '--name-only', '--diff-filter=A', 'HEAD', '--', MIGRATIONS),
      git('ls-files', '--others', '--exclude-standard', '--', MIGRATIONS),
    );
    const newest = git('log', '-1', '--diff-filter=A', '--format=%H', '--', MIGRATIONS);
    const before = uncommitted.length > 0 ? 'HEAD' : parentOf(newest);
    if (before === undefined) return whyNoParent(newest);
    const commit = git('rev-parse', before);
    if (git('ls-tree', '--name-only', commit, '--', NODE) === '')
      return `the commit before the newest migration, ${commit.slice(0, 7)}, has no ${NODE}: it cannot run as a cluster`;
    const migrations =
      uncommitted.length > 0
        ? uncommitted
        : lines(git('diff', '--name-only', '--diff-filter=A', commit, newest, '--', MIGRATIONS));
    const hasOtherPackages = git('diff', '--name-only', commit, '--', 'package-lock.json') !== '';
    return { commit, migrations, hasOtherPackages };
  } catch (error) {
    const { message, stderr } = error as Error & { readonly stderr?: string };
    return `git does not tell the history of this folder (${(stderr ?? message).trim().split('\n')[0]}): use a clone`;
  }
}

function parentOf(commit: string): string | undefined {
  const [, parent] = git('rev-list', '--parents', '-1', commit).split(' ');
  return parent;
}

function whyNoParent(commit: string): string {
  return git('rev-parse', '--is-shallow-repository') === 'true'
    ? `this clone is shallow and ends at ${commit.slice(0, 7)}, so the code from before the newest migration is not in it: git fetch --unshallow`
    : 'there are no migrations newer than the first commit, hence no release to come from';
}

/** Writes the code of a commit into a new folder; `remove` it. */
export function unpack({ commit }: Previous): Release & { remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'souk-release-'));
  const archive = join(root, 'release.tar');
  git('archive', '--format=tar', `--output=${archive}`, commit);
  execFileSync('tar', ['-xf', archive, '-C', root]);
  rmSync(archive);
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'dir');
  return { ...releaseIn(root), remove: () => rmSync(root, { recursive: true, force: true }) };
}

function releaseIn(root: string): Release {
  return {
    root,
    program: join(root, NODE),
    async migrate({ postgresUrl, keysDir }) {
      const env = {
        ...process.env,
        NODE_OPTIONS: '',
        DB_URL: postgresUrl,
        KEYS_DIR: keysDir,
        DATA_DIR: dirname(keysDir),
      };
      const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'migrate'], { cwd: root, env });
      return stdout;
    },
  };
}

/** The migrations of this checkout that have not run in this cluster, by name. */
export async function missingMigrations(postgresUrl: string): Promise<readonly string[]> {
  const orm = new MikroORM({ entities: [], clientUrl: postgresUrl, discovery: { warnWhenNoEntities: false } });
  try {
    const missing: string[] = [];
    for (const [schema, migrations] of await migrationsOfAll()) {
      if (!isContext(schema)) continue;
      const rows = await orm.em.getConnection().execute<{ name: string }[]>(`select name from ${schema}.migrations`);
      const done = new Set(rows.map(({ name }) => name));
      missing.push(...migrations.flatMap(({ name }) => (done.has(name) ? [] : [name])));
    }
    return missing;
  } finally {
    await orm.close(true);
  }
}

function git(...words: readonly string[]): string {
  return execFileSync('git', words, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

const lines = (...texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => text.split('\n')).filter((line) => line !== '');
