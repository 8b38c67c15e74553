// Accounts of customers: registered once, kept open by refresh tokens, seldom logged in anew: a password is dear to check.

import type { Answered, Client } from './client.ts';
import type { Cart } from './filling-carts.ts';
import type { Account } from './market.ts';

/** An access token lives a quarter of an hour; it is renewed well before, in milliseconds. */
const RENEW_AFTER_MS = 8 * 60_000;
/** In percent, changes of an account on condition of a version that it never had. */
const STALE = 10;

const auth = (verb: 'register' | 'login' | 'refresh') => ({ method: 'POST', path: `/api/v1/auth/${verb}` });

function opened(account: Account, { status, body }: Answered): boolean {
  if (status !== 200 && status !== 201) return false;
  Object.assign(account, { token: body.accessToken, refreshToken: body.refreshToken, tokenAt: performance.now() });
  return true;
}

/** A new account, logged in; undefined: the shop made none. */
export async function register(client: Client, name: string): Promise<Account | undefined> {
  const intent = client.newIntent();
  const [email, password] = [`${name}@people.example`, `password of ${name}`];
  const shown = { email, name: `${name} Person` };
  // Who somebody is, is known by the answer: until then a guest asks.
  const wish = { kind: 'register', principal: 'guest', ...auth('register'), key: intent, shown } as const;
  const answered = await client.want({ ...wish, body: { ...shown, password } }, intent);
  if (answered.status !== 201) return undefined;
  const account = { id: answered.body.user.id, email, password, token: '', refreshToken: '', tokenAt: 0 };
  opened(account, answered);
  return account;
}

/** Logs in; with a guest's cart, which then is a part of the own one. */
export async function logIn(client: Client, account: Account, guestCart?: Cart): Promise<Answered> {
  const { id: principal, email, password } = account;
  const intent = client.newIntent();
  const wish =
    guestCart === undefined
      ? ({ kind: 'log-in', shown: { email } } as const)
      : ({ kind: 'merge-cart', shown: { email, cartId: guestCart.id }, ...guestCart.credentials } as const);
  const body = { email, password };
  const answered = await client.want({ ...wish, principal, ...auth('login'), key: intent, body }, intent);
  opened(account, answered);
  return answered;
}

/** Changes the tokens for new ones; if they are no longer good, logs in. */
export async function renew(client: Client, account: Account): Promise<void> {
  const { id: principal, refreshToken } = account;
  const intent = client.newIntent();
  const wish = { kind: 'refresh-token', principal, ...auth('refresh'), key: intent, shown: undefined } as const;
  const answered = await client.want({ ...wish, body: { refreshToken } }, intent);
  if (!opened(account, answered) && answered.outcome === 'fail') await logIn(client, account);
}

export const isOld = ({ tokenAt }: Account): boolean => performance.now() - tokenAt > RENEW_AFTER_MS;

export function readAccount(client: Client, { id: principal, token }: Account): Promise<Answered> {
  return client.want({ kind: 'read-account', principal, method: 'GET', path: '/api/v1/customers/me', token });
}

/** Changes the own account, if it still is as it was read. */
export async function changeAccount(client: Client, account: Account): Promise<void> {
  const { etag } = await readAccount(client, account);
  if (etag === undefined) return;
  const { id: principal, token } = account;
  const body = { name: client.newIntent(), ...(client.chance.percent(50) ? { phone: '+44 20 7946 0018' } : {}) };
  const wish = { kind: 'change-account', principal, method: 'PATCH', path: '/api/v1/customers/me', token } as const;
  await client.want({ ...wish, body, ifMatch: client.chance.percent(STALE) ? '"0"' : etag });
}
