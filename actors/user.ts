// One account (actor id: derived from the e-mail address, so that an address has one account). Who somebody is, which role
// they have, and where they are logged in.
//
//   absent ──Registered──► registered ──ProfileChanged, RoleChanged, PasswordChanged──► registered
//
//   a login:  SessionOpened ──► SessionRotated (each refresh makes a new token, the old one dies) ──► SessionEnded
//
// A refresh token that was replaced already is either a repeat (the answer got lost: for ten seconds it is taken again) or
// in somebody else's hands: then the login ends. Passwords and tokens arrive here as hashes, and events carry even these
// under `sealed` only, so that no journal holds them.

import { type Actor, type At, invariant, type Reaction, type Refusal, refuse, unreachable } from './actor.ts';
import type { Address } from './order.ts';

/** Logins that an account may have at a time; one more ends the one used longest ago. */
export const SESSIONS_MAX = 20;
/** A login that was not refreshed for so long is over. */
export const SESSION_IDLE_MS = 30 * 24 * 3_600_000;
/** How long a replaced token is still taken for a repeat. */
export const REFRESH_GRACE_MS = 10_000;

export type Role = 'customer' | 'staff' | 'admin';

/** One login. Tokens are hashes; times in milliseconds since 1970 UTC. */
export interface Session {
  readonly token: string;
  /** The token that `token` replaced. */
  readonly previous?: string;
  /** When it was opened or last refreshed. */
  readonly refreshedAt: number;
}

/** What people tell about themselves. */
export interface Profile {
  readonly name: string;
  readonly phone?: string;
  readonly address?: Address;
}

/** New values; null takes an optional one away. */
export interface ProfileChanges {
  readonly name?: string;
  readonly phone?: string | null;
  readonly address?: Address | null;
}

export interface User extends Profile {
  readonly status: 'absent' | 'registered';
  readonly email: string;
  readonly role: Role;
  /** PHC string. */
  readonly passwordHash: string;
  readonly sessions: Readonly<Record<string, Session>>;
  /** Grows with each change of the record; logins do not count. */
  readonly revision: number;
  readonly createdAt: number;
}

/** What the journal must not keep. */
interface Sealed<T> {
  readonly sealed: Readonly<T>;
}

type OfSession<T> = Sealed<T> & { readonly sessionId: string };
type NewUser = Profile & Sealed<{ passwordHash: string }> & { readonly email: string; readonly role: Role };
type NewPassword<T> = Sealed<T & { passwordHash: string }> & { readonly keep?: string };

/** `verified`: the password hash that the caller's password was checked against, so that an older one opens nothing. */
export type UserCommand =
  | { readonly type: 'Register'; readonly data: NewUser }
  | { readonly type: 'ChangeProfile'; readonly data: { readonly changes: ProfileChanges; readonly revision?: number } }
  /** Ends every login but `keep`. */
  | { readonly type: 'ChangePassword'; readonly data: NewPassword<{ verified: string }> }
  | { readonly type: 'SetRole'; readonly data: { readonly role: Role; readonly revision?: number } }
  /** Makes an account that somebody else may have registered an admin's own: with a new password and no login left. */
  | { readonly type: 'Appoint'; readonly data: Sealed<{ passwordHash: string }> }
  | { readonly type: 'OpenSession'; readonly data: OfSession<{ verified: string; token: string }> }
  | { readonly type: 'RotateSession'; readonly data: OfSession<{ presented: string; next: string }> }
  | { readonly type: 'CloseSession'; readonly data: OfSession<{ presented: string }> };

interface Timed {
  readonly at: number;
}

export type UserEvent =
  | { readonly type: 'Registered'; readonly data: NewUser & Timed }
  | { readonly type: 'ProfileChanged'; readonly data: Timed & { readonly changes: ProfileChanges } }
  | { readonly type: 'RoleChanged'; readonly data: Timed & { readonly role: Role } }
  | { readonly type: 'PasswordChanged'; readonly data: Timed & NewPassword<unknown> }
  | { readonly type: 'SessionOpened' | 'SessionRotated'; readonly data: Timed & OfSession<{ token: string }> }
  | {
      readonly type: 'SessionEnded';
      readonly data: Timed & { readonly sessionId: string; readonly reason: EndReason };
    };

export type EndReason = 'logged-out' | 'token-reused' | 'idle' | 'too-many-logins';

const initial: User = {
  status: 'absent',
  email: '',
  name: '',
  role: 'customer',
  passwordHash: '',
  sessions: {},
  revision: 0,
  createdAt: 0,
};

/** Whether this token is what a refresh has just led to: only then may it be handed out (again). */
export function justRotatedTo(user: User, sessionId: string, token: string, at: number): boolean {
  const session = user.sessions[sessionId];
  return session !== undefined && session.token === token && at - session.refreshedAt <= REFRESH_GRACE_MS;
}

function decide(user: User, command: At<UserCommand>): readonly UserEvent[] | Refusal {
  const { at } = command;
  if (command.type === 'Register') {
    if (user.status === 'registered')
      return refuse('email-exists', 'there is an account with this e-mail address already: log in instead');
    return [{ type: 'Registered', data: { ...command.data, at } }];
  }
  if (user.status === 'absent') return refuse('not-found', 'there is no such account');
  switch (command.type) {
    case 'ChangeProfile':
      return moved(user, command.data.revision) ?? changeProfile(user, command.data.changes, at);
    case 'ChangePassword': {
      const { verified, passwordHash } = command.data.sealed;
      if (verified !== user.passwordHash) return outdated();
      return [{ type: 'PasswordChanged', data: { ...keeping(command.data.keep), sealed: { passwordHash }, at } }];
    }
    case 'SetRole': {
      const { role, revision } = command.data;
      return moved(user, revision) ?? (role === user.role ? [] : [{ type: 'RoleChanged', data: { role, at } }]);
    }
    case 'Appoint':
      if (user.role === 'admin') return [];
      return [
        { type: 'PasswordChanged', data: { sealed: command.data.sealed, at } },
        { type: 'RoleChanged', data: { role: 'admin', at } },
      ];
    case 'OpenSession': {
      const { sessionId, sealed } = command.data;
      if (sealed.verified !== user.passwordHash) return outdated();
      return [
        ...makeRoom(user, at),
        { type: 'SessionOpened', data: { sessionId, sealed: { token: sealed.token }, at } },
      ];
    }
    case 'RotateSession': {
      const { sessionId, sealed } = command.data;
      return rotate(user.sessions[sessionId], sessionId, sealed.presented, sealed.next, at);
    }
    case 'CloseSession': {
      const { sessionId, sealed } = command.data;
      const session = user.sessions[sessionId];
      // A token that opens nothing ends nothing.
      if (session === undefined || ![session.token, session.previous].includes(sealed.presented)) return [];
      return [end(sessionId, 'logged-out', at)];
    }
    default:
      return unreachable(command);
  }
}

function moved(user: User, revision: number | undefined): Refusal | undefined {
  if (revision === undefined || revision === user.revision) return undefined;
  return refuse(
    'precondition-failed',
    `the account was changed since: you saw revision ${revision}, it is at ${user.revision}`,
  );
}

function outdated(): Refusal {
  return refuse('bad-credentials', 'the password was changed meanwhile: use the new one');
}

function keeping(keep: string | undefined): { readonly keep?: string } {
  return keep === undefined ? {} : { keep };
}

/** Only what differs becomes an event. */
function changeProfile(user: User, changes: ProfileChanges, at: number): readonly UserEvent[] {
  const facts = Object.entries(changes) as [keyof ProfileChanges, ProfileChanges[keyof ProfileChanges]][];
  // Addresses are compared as text: at worst the same address in another order of its fields counts as a change.
  const differing = facts.filter(([fact, value]) => JSON.stringify(user[fact] ?? null) !== JSON.stringify(value));
  return differing.length === 0
    ? []
    : [{ type: 'ProfileChanged', data: { changes: Object.fromEntries(differing), at } }];
}

function rotate(
  session: Session | undefined,
  sessionId: string,
  presented: string,
  next: string,
  at: number,
): readonly UserEvent[] | Refusal {
  if (session === undefined || at - session.refreshedAt > SESSION_IDLE_MS) {
    return refuse('token-expired', 'this login has ended: log in again');
  }
  if (presented === session.token)
    return [{ type: 'SessionRotated', data: { sessionId, sealed: { token: next }, at } }];
  if (presented === session.previous && at - session.refreshedAt <= REFRESH_GRACE_MS) return [];
  return [end(sessionId, 'token-reused', at)];
}

function end(sessionId: string, reason: EndReason, at: number): UserEvent {
  return { type: 'SessionEnded', data: { sessionId, reason, at } };
}

/** Ends idle logins and, if there are still too many for one more, those used longest ago. */
function makeRoom(user: User, at: number): readonly UserEvent[] {
  const byUse = Object.entries(user.sessions).sort(([, a], [, b]) => a.refreshedAt - b.refreshedAt);
  return byUse.flatMap(([sessionId, session], i) => {
    if (at - session.refreshedAt > SESSION_IDLE_MS) return [end(sessionId, 'idle', at)];
    return byUse.length - i >= SESSIONS_MAX ? [end(sessionId, 'too-many-logins', at)] : [];
  });
}

function evolve(user: User, event: UserEvent): User {
  invariant(
    (user.status === 'absent') === (event.type === 'Registered'),
    `an account that is ${user.status} cannot have the event ${event.type}`,
  );
  switch (event.type) {
    case 'Registered': {
      const { sealed, at, ...facts } = event.data;
      return {
        ...facts,
        status: 'registered',
        passwordHash: sealed.passwordHash,
        sessions: {},
        revision: 1,
        createdAt: at,
      };
    }
    case 'ProfileChanged': {
      const changed = Object.entries({ ...user, ...event.data.changes, revision: user.revision + 1 });
      return Object.fromEntries(changed.filter(([, value]) => value !== null)) as unknown as User;
    }
    case 'RoleChanged':
      return { ...user, role: event.data.role, revision: user.revision + 1 };
    case 'PasswordChanged': {
      const kept = Object.entries(user.sessions).filter(([sessionId]) => sessionId === event.data.keep);
      return { ...user, passwordHash: event.data.sealed.passwordHash, sessions: Object.fromEntries(kept) };
    }
    case 'SessionOpened': {
      const { sessionId, sealed, at } = event.data;
      return { ...user, sessions: { ...user.sessions, [sessionId]: { token: sealed.token, refreshedAt: at } } };
    }
    case 'SessionRotated': {
      const { sessionId, sealed, at } = event.data;
      const session = user.sessions[sessionId];
      invariant(session !== undefined, 'only a login that is open is refreshed');
      return {
        ...user,
        sessions: { ...user.sessions, [sessionId]: { token: sealed.token, previous: session.token, refreshedAt: at } },
      };
    }
    case 'SessionEnded': {
      const { [event.data.sessionId]: _, ...sessions } = user.sessions;
      return { ...user, sessions };
    }
    default:
      return unreachable(event);
  }
}

/** Nobody else is told: an account's changes concern the account alone. */
function react(): readonly Reaction[] {
  return [];
}

function check(user: User): void {
  if (user.status === 'absent') return;
  invariant(user.email.includes('@'), 'an account has an e-mail address');
  invariant(user.passwordHash.startsWith('$argon2id$'), 'a password is kept as an argon2id hash only');
  invariant(Object.keys(user.sessions).length <= SESSIONS_MAX, `an account has at most ${SESSIONS_MAX} logins`);
}

/** The rules of an account. */
export const userActor: Actor<User, UserCommand, UserEvent> = { name: 'user', initial, decide, evolve, react, check };
