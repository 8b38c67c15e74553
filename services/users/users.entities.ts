// Accounts as lists read them: the read columns of the accounts' own table, which each commit of an account writes beside
// its state. Passwords and logins are in the state alone, so that no list can show them. All are null while an account has
// no state.

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { Role, User } from '../../actors/user.ts';

/** A row of the table of accounts. */
export const UserRow = defineEntity({
  name: 'UserRow',
  tableName: 'actors',
  properties: {
    id: p.text().primary(),
    email: p.text(),
    name: p.text(),
    phone: p.text().nullable(),
    /** JSON text. */
    address: p.text().nullable(),
    role: p.text().$type<Role>(),
    createdAt: p.datetime(),
  },
});

export type UserRow = InferEntity<typeof UserRow>;

/** The read columns and what each shows of an account. */
export const readColumns = {
  email: { type: 'text', of: ({ email }: User) => email },
  name: { type: 'text', of: ({ name }: User) => name },
  phone: { type: 'text', of: ({ phone }: User) => phone ?? null },
  address: { type: 'text', of: ({ address }: User) => (address === undefined ? null : JSON.stringify(address)) },
  role: { type: 'text', of: ({ role }: User) => role },
  created_at: { type: 'timestamptz', of: ({ createdAt }: User) => createdAt },
} as const;
