// Settings from the environment, read once and checked: a wrong one is named with what was expected.

export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly adminEmail: string | undefined;
  readonly adminPassword: string | undefined;
  /** Milliseconds from Place until an unpaid order expires. */
  readonly paymentDeadlineMs: number;
  readonly rateLimits: 'on' | 'off' | 'default';
  /** 0: off, so that history can be replayed. */
  readonly activityHeartbeatMs: number;
  readonly logLevel: string;
  readonly smtpUrl: string | undefined;
}

/** A setting that cannot be used; the message names it, its value and what was expected. */
export class BadSetting extends Error {
  override name = 'BadSetting';
}

type Environment = Readonly<Record<string, string | undefined>>;

function integer(environment: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new BadSetting(`${name} is "${text}", but must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function oneOf<T extends string>(environment: Environment, name: string, fallback: T, values: readonly T[]): T {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = values.find((candidate) => candidate === text);
  if (value === undefined) throw new BadSetting(`${name} is "${text}", but must be one of ${values.join(', ')}`);
  return value;
}

/**
 * Reads and checks all settings.
 * @throws BadSetting naming the first wrong one.
 */
export function readSettings(environment: Environment): Settings {
  const optional = (name: string) => (environment[name] === '' ? undefined : environment[name]);
  const smtpUrl = optional('SMTP_URL');
  if (smtpUrl !== undefined && !/^smtps?:\/\/\S+$/.test(smtpUrl)) {
    throw new BadSetting(`SMTP_URL is "${smtpUrl}", but must look like smtp://host:port`);
  }
  return {
    host: optional('HOST') ?? '127.0.0.1',
    port: integer(environment, 'PORT', 3000, 0, 65_535),
    dataDir: optional('DATA_DIR') ?? '.data',
    adminEmail: optional('ADMIN_EMAIL'),
    adminPassword: optional('ADMIN_PASSWORD'),
    paymentDeadlineMs: integer(environment, 'PAYMENT_DEADLINE_SECONDS', 900, 1, 86_400) * 1_000,
    rateLimits: oneOf(environment, 'RATE_LIMITS', 'default', ['on', 'off', 'default']),
    activityHeartbeatMs: integer(environment, 'ACTIVITY_HEARTBEAT_SECONDS', 0, 0, 3_600) * 1_000,
    logLevel: oneOf(environment, 'LOG_LEVEL', 'warn', ['fatal', 'error', 'warn', 'info', 'debug', 'trace']),
    smtpUrl,
  };
}
