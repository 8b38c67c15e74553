// A password as PostgreSQL keeps it (SCRAM-SHA-256, RFC 5803). It is made here, so that the password itself is never part
// of a statement, which a server may log.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/** As many as PostgreSQL's own clients take; the passwords are random bytes, which no number of rounds makes safer. */
const ROUNDS = 4_096;
const SALT_BYTES = 16;
const DIGEST = 'sha256';
const DIGEST_BYTES = 32;

/**
 * What `password '…'` of a role takes instead of the password.
 * @throws RangeError for a password that is empty or not plain ASCII, which clients would prepare in ways of their own
 */
export function scramVerifier(password: string): string {
  if (!/^[\x21-\x7e]+$/.test(password))
    throw new RangeError('The password of a role must be of visible ASCII characters, such as hexadecimal digits.');
  const salt = randomBytes(SALT_BYTES);
  const salted = pbkdf2Sync(password, salt, ROUNDS, DIGEST_BYTES, DIGEST);
  const keyed = (text: string) => createHmac(DIGEST, salted).update(text).digest();
  const storedKey = createHash(DIGEST).update(keyed('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ROUNDS}:${salt.toString('base64')}$${storedKey}:${keyed('Server Key').toString('base64')}`;
}
