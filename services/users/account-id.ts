// The id of an account follows from its e-mail address, so that an address has one account without any unique index: the
// account itself is the lock. It follows by a key, so that an id does not give its address away to whoever guesses.

import { createHmac } from 'node:crypto';
import { derivedId } from '../../mixins/ids.ts';

/** The same address however it is typed: blanks around it and capitals do not make another one. */
export function normaliseEmail(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase();
}

/** The account id of an e-mail address. */
export function accountIdOf(key: Buffer, email: string): string {
  return derivedId('account', createHmac('sha256', key).update(normaliseEmail(email)).digest('hex'));
}
