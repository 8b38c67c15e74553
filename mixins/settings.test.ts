import { describe, expect, it } from '@jest/globals';
import { BadSetting, readSettings } from './settings.ts';

describe('settings', () => {
  it('need nothing from the environment', () => {
    expect(readSettings({})).toEqual({
      host: '127.0.0.1',
      port: 3000,
      dataDir: '.data',
      adminEmail: undefined,
      adminPassword: undefined,
      paymentDeadlineMs: 900_000,
      rateLimits: 'default',
      activityHeartbeatMs: 0,
      logLevel: 'warn',
      smtpUrl: undefined,
    });
  });

  it('take an empty variable for one that is not set', () => {
    const names = ['HOST', 'PORT', 'DATA_DIR', 'ADMIN_EMAIL', 'ADMIN_PASSWORD', 'RATE_LIMITS', 'LOG_LEVEL', 'SMTP_URL'];
    expect(readSettings(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readSettings({}));
  });

  it('are read with their units', () => {
    const environment = {
      PORT: '0',
      DATA_DIR: '/srv/souk',
      PAYMENT_DEADLINE_SECONDS: '20',
      ACTIVITY_HEARTBEAT_SECONDS: '5',
      RATE_LIMITS: 'on',
      SMTP_URL: 'smtps://mail.example:465',
    };
    expect(readSettings(environment)).toMatchObject({
      port: 0,
      dataDir: '/srv/souk',
      paymentDeadlineMs: 20_000,
      activityHeartbeatMs: 5_000,
      rateLimits: 'on',
      smtpUrl: 'smtps://mail.example:465',
    });
  });

  it.each([
    ['PORT', '70000', 'a whole number from 0 to 65535'],
    ['PORT', '-1', 'a whole number from 0 to 65535'],
    ['PORT', '80.5', 'a whole number from 0 to 65535'],
    ['PORT', 'http', 'a whole number from 0 to 65535'],
    ['PAYMENT_DEADLINE_SECONDS', '0', 'a whole number from 1 to 86400'],
    ['ACTIVITY_HEARTBEAT_SECONDS', '3601', 'a whole number from 0 to 3600'],
    ['RATE_LIMITS', 'maybe', 'one of on, off, default'],
    ['LOG_LEVEL', 'loud', 'one of fatal, error, warn, info, debug, trace'],
    ['SMTP_URL', 'mail.example', 'look like smtp://host:port'],
  ])('name what cannot be used: %s=%s', (name, value, expected) => {
    const read = () => readSettings({ [name]: value });
    expect(read).toThrow(BadSetting);
    expect(read).toThrow(`${name} is "${value}", but must`);
    expect(read).toThrow(expected);
  });
});
