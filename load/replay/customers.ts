// The customers of a replay: an account per customer number, registered before its first order. Who has one logs in.

import { createHmac } from 'node:crypto';
import { signIn, UnexpectedAnswer } from '../client.ts';
import type { Shop } from './shop.ts';

/** A token is renewed after this, well before its 15 minutes are over; in milliseconds. */
const RENEW_AFTER_MS = 10 * 60_000;

export interface Customers {
  /** The access token of a customer; `isKnown`: the account is most likely there already. */
  token(email: string, isKnown: boolean): Promise<string>;
  readonly registered: number;
}

/** Customers that nobody has signed in yet. */
export function createCustomers({ client, staff }: Shop): Customers {
  const tokens = new Map<string, { readonly token: string; readonly at: number }>();
  let registered = 0;

  async function register(email: string): Promise<string> {
    const name = `Customer ${email.replace(/^customer-|@.*$/g, '')}`;
    const { status, body } = await client.call<{ readonly accessToken: string }>('/api/v1/auth/register', {
      method: 'POST',
      key: `replay-${email}`,
      body: { email, password: passwordOf(staff.password, email), name },
    });
    if (status === 409) return await logIn(email);
    if (status !== 201) throw new Error(`${email} cannot be registered: ${status} ${JSON.stringify(body)}`);
    registered += 1;
    return body.accessToken;
  }

  async function logIn(email: string): Promise<string> {
    try {
      return await signIn(client, email, passwordOf(staff.password, email));
    } catch (error) {
      if (!(error instanceof UnexpectedAnswer)) throw error;
      throw new Error(
        `${email} has an account, but not with the password of this replay: repeat it with the staff account, and its password, that began it`,
        { cause: error },
      );
    }
  }

  return {
    async token(email, isKnown) {
      const known = tokens.get(email);
      if (known !== undefined && Date.now() - known.at < RENEW_AFTER_MS) return known.token;
      const at = Date.now();
      const token = isKnown || known !== undefined ? await logIn(email) : await register(email);
      tokens.set(email, { token, at });
      return token;
    },
    get registered() {
      return registered;
    },
  };
}

/** The same for every run of the same staff, and nobody else's to guess. */
function passwordOf(secret: string, email: string): string {
  return createHmac('sha256', secret).update(`replay ${email}`).digest('base64url');
}
