import { describe, expect, it } from '@jest/globals';
import {
  justRotatedTo,
  REFRESH_GRACE_MS,
  SESSION_IDLE_MS,
  SESSIONS_MAX,
  type User,
  userActor,
  type UserCommand,
  type UserEvent,
} from './user.ts';

const AT = 1_000_000;
const LATER = AT + 60_000;
const PASSWORD = '$argon2id$old';

const person = { email: 'ada@example.org', name: 'Ada', phone: '+44 20', role: 'customer' as const };
const registered: UserEvent = { type: 'Registered', data: { ...person, sealed: { passwordHash: PASSWORD }, at: AT } };
const opened = (sessionId: string, at = AT): UserEvent => ({
  type: 'SessionOpened',
  data: { sessionId, sealed: { token: `${sessionId}-0` }, at },
});
const rotated = (sessionId: string, token: string, at = LATER): UserEvent => ({
  type: 'SessionRotated',
  data: { sessionId, sealed: { token }, at },
});

/** An account with this history, and what a command leads to. */
function given(...history: readonly UserEvent[]) {
  const state = history.reduce(userActor.evolve, userActor.initial);
  const when = (command: UserCommand, at = LATER) => userActor.decide(state, { ...command, at });
  return {
    state,
    when,
    after: (command: UserCommand, at = LATER): User => {
      const end = (when(command, at) as readonly UserEvent[]).reduce(userActor.evolve, state);
      userActor.check(end);
      return end;
    },
  };
}

const register: UserCommand = { type: 'Register', data: { ...person, sealed: { passwordHash: PASSWORD } } };
const open = (sessionId: string, verified = PASSWORD): UserCommand => ({
  type: 'OpenSession',
  data: { sessionId, sealed: { verified, token: `${sessionId}-0` } },
});
const rotate = (sessionId: string, presented: string, next: string): UserCommand => ({
  type: 'RotateSession',
  data: { sessionId, sealed: { presented, next } },
});
const close = (sessionId: string, presented: string): UserCommand => ({
  type: 'CloseSession',
  data: { sessionId, sealed: { presented } },
});
const profile = (changes: object, revision?: number): UserCommand => ({
  type: 'ChangeProfile',
  data: revision === undefined ? { changes } : { changes, revision },
});

describe('registering', () => {
  it('makes an account without a login', () => {
    expect(given().after(register)).toEqual({
      ...person,
      status: 'registered',
      passwordHash: PASSWORD,
      sessions: {},
      revision: 1,
      createdAt: LATER,
    });
  });

  it('is refused when the address has an account', () => {
    expect(given(registered).when(register)).toMatchObject({ refused: 'email-exists' });
  });

  it('comes first: nothing else can be asked of an account that is not there', () => {
    for (const command of [profile({}), open('s'), rotate('s', 'a', 'b'), close('s', 'a')]) {
      expect(given().when(command)).toMatchObject({ refused: 'not-found' });
    }
  });
});

describe('the profile', () => {
  it('changes in what differs; null takes an optional fact away', () => {
    const changed = given(registered).after(profile({ name: 'Ada', phone: null, address: { city: 'London' } }));
    expect(changed).toMatchObject({ name: 'Ada', address: { city: 'London' }, revision: 2 });
    expect(changed).not.toHaveProperty('phone');
  });

  it('does not change when nothing differs', () => {
    expect(given(registered).when(profile({ name: 'Ada', address: null }))).toEqual([]);
  });

  it('is not overwritten by an editor who saw an older revision', () => {
    expect(given(registered).when(profile({ name: 'Eve' }, 1))).toHaveLength(1);
    expect(given(registered).when(profile({ name: 'Eve' }, 2))).toMatchObject({ refused: 'precondition-failed' });
  });
});

describe('the role', () => {
  it('is set by an admin, once', () => {
    const promote: UserCommand = { type: 'SetRole', data: { role: 'staff' } };
    expect(given(registered).after(promote)).toMatchObject({ role: 'staff', revision: 2 });
    const staff: UserEvent = { type: 'RoleChanged', data: { role: 'staff', at: AT } };
    expect(given(registered, staff).when(promote)).toEqual([]);
    expect(given(registered).when({ type: 'SetRole', data: { role: 'staff', revision: 9 } })).toMatchObject({
      refused: 'precondition-failed',
    });
  });

  it('of the first admin comes with a new password and ends every login of whoever registered the address', () => {
    const appoint: UserCommand = { type: 'Appoint', data: { sealed: { passwordHash: '$argon2id$new' } } };
    const admin = given(registered, opened('s')).after(appoint);
    expect(admin).toMatchObject({ role: 'admin', passwordHash: '$argon2id$new', sessions: {} });
    const already: UserEvent = { type: 'RoleChanged', data: { role: 'admin', at: AT } };
    expect(given(registered, already).when(appoint)).toEqual([]);
  });
});

describe('the password', () => {
  const change = (verified: string, keep?: string): UserCommand => ({
    type: 'ChangePassword',
    data: { ...(keep === undefined ? {} : { keep }), sealed: { verified, passwordHash: '$argon2id$new' } },
  });

  it('changes, and the other logins end', () => {
    const changed = given(registered, opened('mine'), opened('other')).after(change(PASSWORD, 'mine'));
    expect(changed.passwordHash).toBe('$argon2id$new');
    expect(Object.keys(changed.sessions)).toEqual(['mine']);
  });

  it('changes, and all logins end when none is named', () => {
    expect(given(registered, opened('other')).after(change(PASSWORD)).sessions).toEqual({});
  });

  it('does not change on the word of a password that was replaced meanwhile', () => {
    expect(given(registered).when(change('$argon2id$older'))).toMatchObject({ refused: 'bad-credentials' });
  });
});

describe('a login', () => {
  it('opens with the password that holds now', () => {
    expect(given(registered).after(open('s')).sessions).toEqual({ s: { token: 's-0', refreshedAt: LATER } });
    expect(given(registered).when(open('s', '$argon2id$older'))).toMatchObject({ refused: 'bad-credentials' });
  });

  it('is refreshed: the token is replaced', () => {
    const { sessions } = given(registered, opened('s')).after(rotate('s', 's-0', 's-1'));
    expect(sessions).toEqual({ s: { token: 's-1', previous: 's-0', refreshedAt: LATER } });
  });

  it('takes the replaced token again for ten seconds, because the answer may have been lost', () => {
    const once = given(registered, opened('s'), rotated('s', 's-1'));
    expect(once.when(rotate('s', 's-0', 's-1'), LATER + REFRESH_GRACE_MS)).toEqual([]);
    expect(justRotatedTo(once.state, 's', 's-1', LATER + REFRESH_GRACE_MS)).toBe(true);
  });

  it('ends when a replaced token is used later: two people hold it', () => {
    const once = given(registered, opened('s'), rotated('s', 's-1'));
    const after = once.after(rotate('s', 's-0', 's-1'), LATER + REFRESH_GRACE_MS + 1);
    expect(after.sessions).toEqual({});
    expect(justRotatedTo(after, 's', 's-1', LATER)).toBe(false);
  });

  it('ends when a token is used that is neither the present nor the last one', () => {
    const twice = given(registered, opened('s'), rotated('s', 's-1'), rotated('s', 's-2'));
    expect(twice.when(rotate('s', 's-0', 's-1'))).toEqual([
      { type: 'SessionEnded', data: { sessionId: 's', reason: 'token-reused', at: LATER } },
    ]);
  });

  it('hands out only the token that the refresh has led to, and only at once', () => {
    const { state } = given(registered, opened('s'), rotated('s', 's-1'));
    expect(justRotatedTo(state, 's', 's-2', LATER)).toBe(false);
    expect(justRotatedTo(state, 's', 's-1', LATER + REFRESH_GRACE_MS + 1)).toBe(false);
  });

  it('cannot be refreshed once it has ended or was idle too long', () => {
    expect(given(registered).when(rotate('s', 's-0', 's-1'))).toMatchObject({ refused: 'token-expired' });
    const idle = AT + SESSION_IDLE_MS + 1;
    expect(given(registered, opened('s')).when(rotate('s', 's-0', 's-1'), idle)).toMatchObject({
      refused: 'token-expired',
    });
  });

  it('ends by logging out, with the present token or the last one', () => {
    expect(given(registered, opened('s')).after(close('s', 's-0')).sessions).toEqual({});
    expect(given(registered, opened('s'), rotated('s', 's-1')).after(close('s', 's-0')).sessions).toEqual({});
  });

  it('does not end by a token that opens nothing; one that has ended has ended', () => {
    expect(given(registered, opened('s')).when(close('s', 'guessed'))).toEqual([]);
    expect(given(registered).when(close('s', 's-0'))).toEqual([]);
  });

  it('beyond the most there may be ends the one used longest ago', () => {
    const full = Array.from({ length: SESSIONS_MAX }, (_, i) => opened(`s${i}`, AT + i));
    const after = given(registered, ...full).after(open('one-more'));
    expect(Object.keys(after.sessions)).toHaveLength(SESSIONS_MAX);
    expect(after.sessions).not.toHaveProperty('s0');
    expect(after.sessions).toHaveProperty('one-more');
  });

  it('that is idle makes room for a new one', () => {
    const { when } = given(registered, opened('old'), opened('new', AT + SESSION_IDLE_MS));
    expect(when(open('s'), AT + SESSION_IDLE_MS + 1)).toMatchObject([
      { type: 'SessionEnded', data: { sessionId: 'old', reason: 'idle' } },
      { type: 'SessionOpened', data: { sessionId: 's' } },
    ]);
  });
});

describe('an account', () => {
  it('tells nobody of its changes', () => {
    expect(userActor.react(given(registered).state, registered, 'u-1')).toEqual([]);
  });

  it('keeps hashes of passwords and tokens where no journal looks', () => {
    const { when } = given(registered, opened('s'));
    const events = [
      ...(when(rotate('s', 's-0', 's-1')) as readonly UserEvent[]),
      ...(when(open('t')) as readonly UserEvent[]),
    ];
    const journaled = JSON.stringify(events.map(({ data }) => ({ ...data, sealed: undefined })));
    expect(journaled).not.toMatch(/argon2id|s-1|t-0/);
  });

  it('has no place for an event out of turn', () => {
    expect(() => given(opened('s'))).toThrow('an account that is absent cannot have the event SessionOpened');
    expect(() => given(registered, registered)).toThrow(
      'an account that is registered cannot have the event Registered',
    );
    expect(() => given(registered, rotated('s', 's-1'))).toThrow('only a login that is open is refreshed');
  });

  it('never comes to a state that must not be', () => {
    const { state } = given(registered);
    userActor.check(userActor.initial);
    userActor.check(state);
    const sessions = Object.fromEntries(
      Array.from({ length: SESSIONS_MAX + 1 }, (_, i) => [`s${i}`, { token: '', refreshedAt: AT }]),
    );
    const wrong: readonly (readonly [Partial<User>, string])[] = [
      [{ email: 'ada' }, 'has an e-mail address'],
      [{ passwordHash: 'secret' }, 'argon2id hash only'],
      [{ sessions }, 'at most'],
    ];
    for (const [part, words] of wrong) expect(() => userActor.check({ ...state, ...part })).toThrow(words);
  });

  it('knows no other words', () => {
    expect(() => given(registered).when({ type: 'Dance', data: {} } as never)).toThrow('impossible message');
    expect(() => given(registered, { type: 'Danced', data: {} } as never)).toThrow('impossible message');
  });
});
