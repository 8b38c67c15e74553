// The environment of a node of the local cluster: its settings as a container would be given them.

import type { Settings } from '../../../mixins/settings.ts';

export interface NodeEnvironmentOptions {
  /** Of the cluster's start. */
  readonly settings: Settings;
  readonly keys: string;
  readonly natsUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly providerUrl: string;
  /** Of the administrator; a node gets host, port and name of it, and signs in as the role of its context. */
  readonly postgresUrl: string;
  readonly dynamoEndpoint: string;
}

/**
 * Everything but NODE_ID and SERVICES, which are the node's own.
 * @param service the one that the node runs: secrets go to those alone that need them
 */
export function nodeEnvironment(options: NodeEnvironmentOptions, service: string): Readonly<Record<string, string>> {
  const { settings, postgresUrl } = options;
  const { hostname, port, pathname, searchParams } = new URL(postgresUrl);
  return {
    HOST: settings.host,
    PORT: String(settings.port),
    DATA_DIR: settings.dataDir,
    KEYS_DIR: options.keys,
    LOG_LEVEL: settings.logLevel,
    RATE_LIMITS: settings.rateLimits,
    PAYMENT_DEADLINE_SECONDS: String(settings.paymentDeadlineMs / 1_000),
    ACTIVITY_HEARTBEAT_SECONDS: String(settings.activityHeartbeatMs / 1_000),
    ...(settings.smtpUrl === undefined || service !== 'notifications' ? {} : { SMTP_URL: settings.smtpUrl }),
    NATS_URL: options.natsUrl,
    KAFKA_BOOTSTRAP_SERVERS: options.kafkaBrokers.join(','),
    PAYMENT_PROVIDER_URL: options.providerUrl,
    // A local socket costs a good part less than loopback.
    DB_HOST: searchParams.get('host') ?? hostname,
    DB_PORT: port,
    DB_NAME: decodeURIComponent(pathname.slice(1)),
    DYNAMODB_ENDPOINT: options.dynamoEndpoint,
    AWS_REGION: settings.dynamo.region,
    // Demanded by the protocol; DynamoDB Local asks nobody for them.
    AWS_ACCESS_KEY_ID: 'souk',
    AWS_SECRET_ACCESS_KEY: 'souk',
  };
}
