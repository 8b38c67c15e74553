// Logging in and staying logged in: a password opens a login, refresh tokens keep it open, and each answer carries an
// access token that lives a quarter of an hour.
//
//   password ──verify──► merge the guest cart ──► OpenSession ──► { user, accessToken, refreshToken, expiresIn }
//   refresh token ──► RotateSession ──► the same with the next token, or 401 and the end of a login whose token leaked
//
// The cart is merged first: whoever is logged in finds in it what they had put into it before. If carts do not answer, the
// login fails as a whole and can be repeated; nothing of the guest's cart is lost by that.

import { randomUUID } from 'node:crypto';
import type { Context } from 'moleculer';
import { justRotatedTo, type User, type UserCommand } from '../../actors/user.ts';
import { orThrow, Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import type { Host } from '../../mixins/host.ts';
import { ACCESS_TOKEN_SECONDS, type Tokens } from '../../mixins/tokens.ts';
import { firstToken, hashOf, nextToken, readToken, type RefreshToken, writeToken } from './refresh-tokens.ts';
import { type UserView, viewUser } from './user.view.ts';

export interface Login {
  readonly user: UserView;
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Seconds that the access token lives. */
  readonly expiresIn: number;
}

export interface Logins {
  /** Opens a login of an account whose password was verified, after merging the caller's guest cart into its cart. */
  open(ctx: Context<unknown, Caller>, id: string, verified: User): Promise<Login>;
  /** @throws Problem `unauthenticated`, `token-expired` or `token-reused` (401). */
  refresh(text: string, caller: Caller): Promise<Login>;
  /** Ends the login of a token. One that opens nothing ends nothing. */
  close(text: string): Promise<void>;
}

interface LoginOptions {
  readonly host: Host<User, UserCommand>;
  readonly tokens: Tokens;
  /** From which refresh tokens are computed. */
  readonly key: Buffer;
}

interface Opened {
  readonly token: RefreshToken;
  readonly user: User;
}

/** Whether the token opens what it was made for: nobody has refreshed or ended the login since. */
function isCurrent({ token, user }: Opened): boolean {
  return user.sessions[token.sessionId]?.token === hashOf(token);
}

/** The logins of the accounts that a host keeps. */
export function createLogins({ host, tokens, key }: LoginOptions): Logins {
  async function answer(token: RefreshToken, user: User): Promise<Login> {
    const account = { userId: token.userId, role: user.role, sessionId: token.sessionId };
    return {
      user: viewUser(token.userId, user),
      accessToken: await tokens.signAccessToken(account),
      refreshToken: writeToken(token),
      expiresIn: ACCESS_TOKEN_SECONDS,
    };
  }

  /** Opens the login that this command names, or finds it open. */
  async function openAs(id: string, { passwordHash }: User, commandId: string): Promise<Opened> {
    const token = firstToken(key, id, commandId, passwordHash);
    const { sessionId } = token;
    const sealed = { verified: passwordHash, token: hashOf(token) };
    const told = await host.tell(id, { type: 'OpenSession', data: { sessionId, sealed } }, { commandId: sessionId });
    return { token, user: orThrow(told).state };
  }

  return {
    async open(ctx, id, verified) {
      const { cartToken } = ctx.meta;
      if (cartToken !== undefined) await ctx.call<unknown, object>('carts.merge', { token: cartToken, userId: id });
      const first = await openAs(id, verified, ctx.meta.commandId);
      if (isCurrent(first)) return await answer(first.token, first.user);
      // A repeat so late that the login of the first attempt was refreshed or has ended: who has the password gets another.
      const other = await openAs(id, verified, randomUUID());
      return await answer(other.token, other.user);
    },

    async refresh(text, { commandId, fingerprint }) {
      const token = readToken(text);
      if (token === undefined) throw new Problem('unauthenticated', 'this is not a refresh token of this shop: log in');
      const { userId, sessionId } = token;
      const next = nextToken(key, token);
      const data = { sessionId, sealed: { presented: hashOf(token), next: hashOf(next) } };
      const told = await host.tell(userId, { type: 'RotateSession', data }, { commandId, fingerprint });
      if (told.repeated?.fingerprint !== undefined && told.repeated.fingerprint !== fingerprint) {
        throw new Problem(
          'idempotency-key-reused',
          'this Idempotency-Key was used for another refresh token: take another key',
        );
      }
      if (told.refused?.refused === 'not-found')
        throw new Problem('unauthenticated', 'the account of this refresh token does not exist');
      const { state } = orThrow(told);
      if (justRotatedTo(state, sessionId, hashOf(next), Date.now())) return await answer(next, state);
      throw new Problem('token-reused', 'this refresh token was used before, so its login has ended: log in again');
    },

    async close(text) {
      const token = readToken(text);
      if (token === undefined) return;
      const data = { sessionId: token.sessionId, sealed: { presented: hashOf(token) } };
      await host.tell(token.userId, { type: 'CloseSession', data }, { commandId: randomUUID() });
    },
  };
}
