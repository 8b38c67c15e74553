// How an account looks from outside: nothing of its password and its logins.

import type { Address } from '../../actors/order.ts';
import type { Role, User } from '../../actors/user.ts';

export interface UserView {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly phone?: string;
  readonly address?: Address;
  readonly role: Role;
  readonly createdAt: string;
}

/** What a view is made of: the state of the actor, or a row of the table that mirrors it. */
export type ShownUser = Pick<User, 'email' | 'name' | 'role'> & {
  readonly phone?: string | null | undefined;
  readonly address?: Address | null | undefined;
  readonly createdAt: Date | number;
};

/** The account as the REST contract shows it. */
export function viewUser(id: string, { email, name, phone, address, role, createdAt }: ShownUser): UserView {
  return {
    id,
    email,
    name,
    ...(phone === undefined || phone === null ? {} : { phone }),
    ...(address === undefined || address === null ? {} : { address }),
    role,
    createdAt: new Date(createdAt).toISOString(),
  };
}
