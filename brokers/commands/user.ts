// What a command for an account looks like on the wire: a JSON Schema of the data of each. A delivery that fits none is
// parked by the host; it never reaches the rules.

import type { UserCommand } from '../../actors/user.ts';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });

const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});

const orNull = (schema: object) => ({ anyOf: [schema, { type: 'null' }] });

const role = { type: 'string', enum: ['customer', 'staff', 'admin'] };
const revision = { type: 'integer', minimum: 1 };
const sessionId = text(64);
const passwordHash = { type: 'string', pattern: '^\\$argon2id\\$', maxLength: 256 };
/** SHA-256, base64url. */
const token = { type: 'string', pattern: '^[\\w-]{43}$' };

const address = object(
  {
    name: text(200),
    line1: text(200),
    line2: text(200),
    city: text(200),
    postcode: text(32),
    country: { type: 'string', pattern: '^[A-Z]{2}$' },
  },
  ['line2'],
);
const name = text(200);
const phone = text(40);

/** JSON Schema of the data of each command for an account. */
export const userCommands: Readonly<Record<UserCommand['type'], object>> = {
  Register: object({ email: text(254), name, phone, address, role, sealed: object({ passwordHash }) }, [
    'phone',
    'address',
  ]),
  ChangeProfile: object(
    {
      changes: object({ name, phone: orNull(phone), address: orNull(address) }, ['name', 'phone', 'address']),
      revision,
    },
    ['revision'],
  ),
  ChangePassword: object({ keep: sessionId, sealed: object({ verified: passwordHash, passwordHash }) }, ['keep']),
  SetRole: object({ role, revision }, ['revision']),
  Appoint: object({ sealed: object({ passwordHash }) }),
  OpenSession: object({ sessionId, sealed: object({ verified: passwordHash, token }) }),
  RotateSession: object({ sessionId, sealed: object({ presented: token, next: token }) }),
  CloseSession: object({ sessionId, sealed: object({ presented: token }) }),
};
