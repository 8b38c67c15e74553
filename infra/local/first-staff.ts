// The first account: admin, from ADMIN_EMAIL and ADMIN_PASSWORD, or made up and left in DATA_DIR/first-staff.json (mode 600).

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServiceBroker } from 'moleculer';
import type { Settings } from '../../mixins/settings.ts';
import { writeDurably } from './data-dir.ts';

const PASSWORD_BYTES = 18;

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

/** Where the made-up credentials lie. */
export function firstStaffFile(dataDir: string): string {
  return join(dataDir, 'first-staff.json');
}

/** The credentials that the first start left behind; undefined: it left none. */
export function readFirstStaff(dataDir: string): Credentials | undefined {
  const file = firstStaffFile(dataDir);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Credentials) : undefined;
}

/** Makes sure that there is an admin to sign in as. The file is written first: an account nobody can use helps nobody. */
export async function ensureFirstStaff(
  broker: ServiceBroker,
  settings: Settings,
): Promise<{ email: string; file: string | undefined }> {
  const given = settings.adminEmail !== undefined && settings.adminPassword !== undefined;
  let credentials = given
    ? { email: settings.adminEmail, password: settings.adminPassword }
    : readFirstStaff(settings.dataDir);
  const isKnown = !given && credentials !== undefined;
  credentials ??= {
    email: settings.adminEmail ?? 'admin@souk.example',
    password: randomBytes(PASSWORD_BYTES).toString('base64url'),
  };
  if (!given && !isKnown)
    writeDurably(firstStaffFile(settings.dataDir), `${JSON.stringify(credentials, undefined, 2)}\n`, 0o600);
  await broker.call('users.ensureAdmin', credentials);
  return { email: credentials.email, file: given ? undefined : firstStaffFile(settings.dataDir) };
}
