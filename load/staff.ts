// Client commands sign in as staff: with ADMIN_EMAIL and ADMIN_PASSWORD, else as the account that the first start of this
// checkout's shop left in DATA_DIR/first-staff.json. The access token is renewed before it runs out.

import { resolve } from 'node:path';
import { type Credentials, firstStaffFile, readFirstStaff } from '../infra/local/first-staff.ts';
import { readSettings } from '../mixins/settings.ts';
import { type Client, signIn } from './client.ts';

/** Renewed after this, well before its 15 minutes are over; in milliseconds. */
const RENEW_AFTER_MS = 10 * 60_000;

/**
 * The login of the staff account.
 * @throws Error that says what to set if there is none
 */
export function staffCredentials(environment = process.env): Credentials {
  const settings = readSettings(environment);
  const { adminEmail, adminPassword } = settings;
  const dataDir = resolve(settings.dataDir);
  const credentials =
    adminEmail !== undefined && adminPassword !== undefined
      ? { email: adminEmail, password: adminPassword }
      : readFirstStaff(dataDir);
  if (credentials === undefined) {
    throw new Error(
      `no staff account: set ADMIN_EMAIL and ADMIN_PASSWORD, or DATA_DIR so that ${firstStaffFile(dataDir)} is the shop's`,
    );
  }
  return credentials;
}

/** Gives the token of the staff account, fresh enough for the next calls. */
export function staffSession(client: Client, environment = process.env): () => Promise<string> {
  const credentials = staffCredentials(environment);
  let token: Promise<string> | undefined;
  let signedInAt = 0;
  return () => {
    if (token === undefined || Date.now() - signedInAt > RENEW_AFTER_MS) {
      signedInAt = Date.now();
      token = signIn(client, credentials.email, credentials.password);
    }
    return token;
  };
}
