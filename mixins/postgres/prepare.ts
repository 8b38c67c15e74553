// Makes a database ready for nodes that sign in as the role of their context, and brings every schema up to date:
//
//   administrator  roles ─► database closed to others ─► schema and all in it to its role ─► what a role may, examined
//   each role      migrations of its context, so that what they make is its own
//   administrator  what the probe may read, once it is there
//
// Does nothing twice, and one at a time however many run at once. The administrator owns the database and may create
// roles, or is a superuser; it need not be one.

import { MikroORM } from '@mikro-orm/postgresql';
import { connectTo, PATIENT_SESSION, type Pool } from './connection.ts';
import { sqlState, storeError } from './errors.ts';
import { arrangeDatabase, demandAdministrator, demandApart, giveSchema, makeRole } from './grants.ts';
import { migrate, type Migrations, UnpreparedDatabase } from './migrate.ts';
import { grantProbe } from './probe-role.ts';
import { type Context, contexts, type Holder, PROBE, roleOf, signedInAs } from './roles.ts';

/** The administrator's statements name every schema. */
const NO_SCHEMA = 'pg_catalog';
const INSUFFICIENT_PRIVILEGE = '42501';
/** Wrong password or unknown user; no way in for it; no such database. */
const NOT_LET_IN = ['28P01', '28000', '3D000'];

export interface PrepareOptions {
  /** Of the administrator. */
  readonly url: string;
  /** Migrations by schema, oldest first; those of every context must be there. */
  readonly migrations: ReadonlyMap<string, Migrations>;
  /** Visible ASCII characters. Roles that exist get it, too. */
  readonly passwordOf: (holder: Holder) => string;
  /** Takes what was done for a context, as a sentence. */
  readonly log?: (message: string) => void;
}

/**
 * Makes or mends the role and the schema of each context, and runs its migrations.
 * @throws StoreUnavailable if the database cannot be reached
 * @throws UnpreparedDatabase if the administrator may not do this, or a role may do more than it should
 */
export async function prepareContexts(options: PrepareOptions): Promise<void> {
  const { url, log = () => {} } = options;
  const parts = contexts.map((context) => {
    const migrations = options.migrations.get(context);
    if (migrations === undefined) throw new Error(`The context ${context} has no migrations, hence no tables.`);
    return { context, migrations, password: options.passwordOf(context) };
  });
  await withPool(url, NO_SCHEMA, async (pool) => {
    const administrator = await pool.connect();
    try {
      await administrator.query(`select pg_advisory_lock(hashtext('prepare'), 0)`);
      await demandAdministrator(administrator);
      const made = new Map<Context, string[]>();
      for (const { context, password } of parts)
        made.set(context, await makeRole(administrator, roleOf(context), password));
      await arrangeDatabase(administrator);
      for (const { context, password, migrations } of parts) {
        const steps = [...(made.get(context) ?? []), ...(await giveSchema(administrator, context))];
        const ran = await migrateAs(url, context, password, migrations);
        if (ran.length > 0) steps.push(`migrations run: ${ran.join(', ')}`);
        log(`${context}: ${steps.length === 0 ? 'is up to date' : steps.join('; ')}.`);
      }
      await demandApart(administrator);
      const granted = await grantProbe(administrator, options.passwordOf(PROBE));
      if (granted.length > 0) log(`${PROBE}: ${granted.join('; ')}.`);
    } finally {
      // Ending the session frees its lock, whatever happened.
      administrator.release(true);
    }
  }).catch((error: unknown) => {
    throw explained(error);
  });
}

/**
 * Makes or mends the probe's role where the administrator does everything else by itself: in the embedded mode.
 * @throws StoreUnavailable if the database cannot be reached
 * @throws UnpreparedDatabase if what it reads is not there yet, or it may do more than it should
 */
export async function prepareProbe(url: string, password: string): Promise<void> {
  await withPool(url, NO_SCHEMA, async (pool) => {
    const administrator = await pool.connect();
    try {
      await administrator.query(`select pg_advisory_lock(hashtext('prepare'), 0)`);
      await grantProbe(administrator, password);
    } finally {
      administrator.release(true);
    }
  }).catch((error: unknown) => {
    throw explained(error);
  });
}

function migrateAs(url: string, context: Context, password: string, migrations: Migrations) {
  const own = signedInAs(url, roleOf(context), password);
  return withPool(own, context, (pool) => migrate({ url: own, schema: context, migrations, pool }));
}

async function withPool<T>(url: string, schema: string, work: (pool: Pool) => Promise<T>): Promise<T> {
  const orm = new MikroORM({ ...connectTo(url, schema, PATIENT_SESSION), entities: [], logger: () => {} });
  try {
    return await work((await orm.driver.getConnection().getNativeClient()) as Pool);
  } finally {
    await orm.close(true);
  }
}

function explained(error: unknown): unknown {
  if (error instanceof UnpreparedDatabase) return error;
  const state = sqlState(error) ?? '';
  if (state !== INSUFFICIENT_PRIVILEGE && !NOT_LET_IN.includes(state)) return storeError(error);
  const what = `The administrator may not prepare the database: ${(error as Error).message}.`;
  const advice = NOT_LET_IN.includes(state)
    ? 'Correct the user, the password or the name of the database.'
    : 'What is there must belong to it or to the role of its context; a superuser may always.';
  return new UnpreparedDatabase(`${what} ${advice}`, { cause: error });
}
