// Accounts over the wire: registering, logging in, one's own record, the staff's view of all. The rules are the account's.
//
//   POST /auth/register, /login ─► logins.ts ─► { user, accessToken, refreshToken }      passwords.ts: argon2id
//
// Nobody learns by asking whether an address has an account, except by registering it.

import { randomUUID } from 'node:crypto';
import type { Context } from 'moleculer';
import {
  type ProfileChanges,
  type Profile,
  type Role,
  type User,
  userActor,
  type UserCommand,
} from '../../actors/user.ts';
import { userCommands } from '../../brokers/commands/user.ts';
import { orThrow, Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import type { Ask } from '../../mixins/coalesce.ts';
import { createCursors, type Cursors } from '../../mixins/cursor.ts';
import { exportFile, type ExportFormat } from '../../mixins/export-file.ts';
import { type Hosting, hosts } from '../../mixins/hosts.mixin.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read, stateReader } from '../../mixins/postgres/reads.ts';
import { revisionSeen } from '../../mixins/revision.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { type Streaming, streams } from '../../mixins/streams/streams.mixin.ts';
import { createTokens } from '../../mixins/tokens.ts';
import { accountIdOf } from './account-id.ts';
import { exportUsers } from './export.ts';
import { createLogins, type Logins } from './logins.ts';
import { createPasswords, type Passwords } from './passwords.ts';
import { type UserView, viewUser } from './user.view.ts';
import { listUsers } from './users.list.ts';
import { openUserStore } from './users.store.ts';

interface Users extends Hosting<User, UserCommand>, Streaming {
  database: Database;
  states: Ask<string, User>;
  passwords: Passwords;
  logins: Logins;
  cursors: Cursors;
}

interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** The users service; opens its store when it starts. */
export const usersService = (platform: Platform): SchemaOf<Users> => {
  const idOf = (email: string) => accountIdOf(platform.secret('user-ids'), email);
  return {
    name: 'users',
    mixins: [
      hosts({
        actor: userActor,
        commands: userCommands,
        store: (service) => openUserStore(service as unknown as Users, platform),
        close: (service) => (service as unknown as Partial<Users>).database?.close(),
        log: () => platform.log(),
        alert: (what, particulars) => platform.alert(what, particulars),
      }),
      streams(),
    ],

    async started(this: Users) {
      this.states = stateReader(this.database);
      this.passwords = createPasswords();
      this.cursors = createCursors(platform.secret('cursors'));
      this.logins = createLogins({
        host: this.host,
        tokens: createTokens(platform),
        key: platform.secret('refresh-tokens'),
      });
    },
    async stopped(this: Users) {
      await this.openStreams.closeAll();
    },

    actions: {
      register: {
        async handler(this: Users, ctx: Context<Credentials & Profile, Caller>) {
          const { email, password, ...profile } = ctx.params;
          const id = idOf(email);
          const { user, repeated } = await registerAs(this, id, 'customer', ctx.meta.commandId, {
            email,
            password,
            ...profile,
          });
          // The answer is not kept, because it holds tokens: a repeat shows its password, and finds the login that is open.
          if (repeated && !(await this.passwords.verify(password, user.passwordHash))) throw exists();
          const login = await this.logins.open(ctx, id, user);
          ctx.meta.$statusCode = 201;
          return login;
        },
      },
      login: {
        async handler(this: Users, ctx: Context<Credentials, Caller>) {
          const id = idOf(ctx.params.email);
          const user = await readUser(this, id);
          const isRight = await this.passwords.verify(ctx.params.password, user?.passwordHash);
          if (user === undefined || !isRight)
            throw new Problem('bad-credentials', 'there is no account with this e-mail address and this password');
          return await this.logins.open(ctx, id, user);
        },
      },
      refresh: {
        handler(this: Users, ctx: Context<{ refreshToken: string }, Caller>) {
          return this.logins.refresh(ctx.params.refreshToken, ctx.meta);
        },
      },
      logout: {
        async handler(this: Users, ctx: Context<{ refreshToken: string }, Caller>) {
          await this.logins.close(ctx.params.refreshToken);
          ctx.meta.$statusCode = 204;
        },
      },
      password: {
        async handler(this: Users, ctx: Context<{ current: string; new: string }, Caller>) {
          const { commandId } = ctx.meta;
          const id = ownId(ctx.meta);
          const known = await knownCommand(this, id, commandId);
          ctx.meta.$statusCode = 204;
          if (known.handled) return;
          const verified = known.user?.passwordHash;
          if (!(await this.passwords.verify(ctx.params.current, verified)) || verified === undefined) {
            const detail = 'this is not the current password';
            throw new Problem('bad-credentials', detail, [{ pointer: '/current', code: 'bad-credentials', detail }]);
          }
          const passwordHash = await this.passwords.hash(ctx.params.new);
          const data = { ...keepingLogin(ctx.meta), sealed: { verified, passwordHash } };
          orThrow(await this.host.tell(id, { type: 'ChangePassword', data }, { commandId }));
        },
      },

      me: {
        handler(this: Users, ctx: Context<unknown, Caller>) {
          return show(this, ctx.meta, ownId(ctx.meta));
        },
      },
      updateMe: {
        handler(this: Users, ctx: Context<ProfileChanges, Caller>) {
          const data = { changes: ctx.params, ...revisionSeen(ctx.meta.ifMatch) };
          return change(this, ctx.meta, ownId(ctx.meta), { type: 'ChangeProfile', data });
        },
      },
      get: {
        handler(this: Users, ctx: Context<{ id: string }, Caller>) {
          return show(this, ctx.meta, ctx.params.id);
        },
      },
      setRole: {
        handler(this: Users, ctx: Context<{ id: string; role: Role }, Caller>) {
          const { id, role } = ctx.params;
          return change(this, ctx.meta, id, { type: 'SetRole', data: { role, ...revisionSeen(ctx.meta.ifMatch) } });
        },
      },
      list: {
        handler(this: Users, ctx: Context<{ limit: number; cursor?: string }, Caller>) {
          return listUsers(this.database, this.cursors, ctx.params);
        },
      },
      export: {
        handler(this: Users, ctx: Context<{ format?: ExportFormat }, Caller>) {
          const { format = 'csv' } = ctx.params;
          const file = exportFile(ctx.meta, 'customers', format, exportUsers(this.database, format));
          return this.openStreams.send(ctx, file);
        },
      },

      /** Where mail for an account goes. */
      contact: {
        visibility: 'public',
        async handler(this: Users, ctx: Context<{ id: string }>) {
          const user = await readUser(this, ctx.params.id);
          if (user === undefined) throw unknown(ctx.params.id);
          return { email: user.email, name: user.name };
        },
      },
      /**
       * Makes sure that there is an admin with this address. An account that is one already keeps its password; one that
       * somebody else registered changes hands.
       */
      ensureAdmin: {
        visibility: 'public',
        async handler(this: Users, ctx: Context<Credentials>) {
          const { email, password } = ctx.params;
          const id = idOf(email);
          const user = await readUser(this, id);
          if (user?.role === 'admin') return { id, created: false };
          if (user === undefined)
            await registerAs(this, id, 'admin', randomUUID(), { email, password, name: 'Administrator' });
          else {
            const sealed = { passwordHash: await this.passwords.hash(password) };
            orThrow(await this.host.tell(id, { type: 'Appoint', data: { sealed } }, { commandId: randomUUID() }));
          }
          return { id, created: user === undefined };
        },
      },
      ready: {
        async handler(this: Users) {
          await readUser(this, 'ready');
          return { ready: true };
        },
      },
    },
  };
};

async function readUser(users: Users, id: string): Promise<User | undefined> {
  return (await users.states([id])).get(id);
}

/** The account, and whether this command has taken effect before. */
async function knownCommand(
  users: Users,
  id: string,
  commandId: string,
): Promise<{ user: User | undefined; handled: boolean }> {
  const { actors, handled } = await read(users.store.load({ ids: [id], rows: [], commands: [{ id, commandId }] }));
  return { user: actors.get(id)?.state as User | undefined, handled: handled.size > 0 };
}

/**
 * Makes an account, or finds that this very command has made it before.
 * @throws Problem `email-exists`
 */
async function registerAs(
  users: Users,
  id: string,
  role: Role,
  commandId: string,
  { email, password, ...profile }: Credentials & Profile,
): Promise<{ readonly user: User; readonly repeated: boolean }> {
  // Asked before the password is hashed, because that is dear.
  const known = await knownCommand(users, id, commandId);
  if (known.user !== undefined) {
    if (known.handled) return { user: known.user, repeated: true };
    throw exists();
  }
  const sealed = { passwordHash: await users.passwords.hash(password) };
  const data = { ...profile, email: email.trim(), role, sealed };
  const told = await users.host.tell(id, { type: 'Register', data }, { commandId });
  if (told.refused?.refused === 'email-exists') throw exists();
  return { user: orThrow(told).state, repeated: told.repeated !== undefined };
}

async function show(users: Users, meta: Caller, id: string): Promise<UserView> {
  const user = await readUser(users, id);
  if (user === undefined) throw unknown(id);
  meta.etag = String(user.revision);
  return viewUser(id, user);
}

async function change(users: Users, meta: Caller, id: string, command: UserCommand): Promise<UserView> {
  const { state } = orThrow(await users.host.tell(id, command, { commandId: meta.commandId }));
  meta.etag = String(state.revision);
  return viewUser(id, state);
}

/** @throws Problem `unauthenticated`: the gateway lets nobody else get here. */
function ownId({ principal }: Caller): string {
  if (principal.kind !== 'user') throw new Problem('unauthenticated', 'log in first');
  return principal.id;
}

/** The login that the caller's access token belongs to: it goes on when the others end. */
function keepingLogin({ principal }: Caller): { readonly keep?: string } {
  const { sessionId } = principal as { readonly sessionId?: string };
  return sessionId === undefined ? {} : { keep: sessionId };
}

function unknown(id: string): Problem {
  return new Problem('not-found', `there is no account ${id}`);
}

function exists(): Problem {
  const detail = 'there is an account with this e-mail address already: log in instead';
  return new Problem('email-exists', detail, [{ pointer: '/email', code: 'email-exists', detail }]);
}
