// The platform of a node of the cluster: what its services need, over servers that run elsewhere.

import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EventLog } from '../../brokers/event-log.ts';
import { openKafkaLog } from '../../mixins/kafka-log/kafka-log.ts';
import { captureMailer } from '../../mixins/mailer-capture.ts';
import type { Mailer } from '../../mixins/mailer.ts';
import { smtpMailer } from '../../mixins/mailer-smtp.ts';
import type { Door, Platform } from '../../mixins/platform.ts';
import { openDatabase } from '../../mixins/postgres/database.ts';
import { contextUrl, databaseKey, PROBE, probeUrl } from '../../mixins/postgres/roles.ts';
import { guarded } from '../../mixins/provider-guarded.ts';
import { simulatedProvider } from '../../mixins/provider-simulated.ts';
import type { PaymentProvider } from '../../mixins/provider.ts';
import type { Settings } from '../../mixins/settings.ts';
import { keyOf } from './keys.ts';
import { probeSources } from './probe-sources.ts';

/** Connections of one context on one node, those of its lanes not counted. */
const CONNECTIONS = 4;

export interface NodePlatformOptions {
  readonly settings: Settings;
  readonly alert: Platform['alert'];
  /** The socket that the gateway shares with others of its kind, once for each of its listeners. */
  readonly doors?: readonly Door[] | undefined;
}

export interface NodePlatform extends Platform {
  /** Closes the log and the outside connections; services have closed their databases before. */
  close(): Promise<void>;
}

/** Where a node finds its keys. */
export function keysFolder({ keysDir, dataDir }: Pick<Settings, 'keysDir' | 'dataDir'>): string {
  return keysDir ?? join(dataDir, 'keys');
}

/** A platform over what the settings name. Opens nothing before it is asked. */
export function nodePlatform({ settings, alert, doors }: NodePlatformOptions): NodePlatform {
  let log: Promise<EventLog> | undefined;
  let dynamo: DynamoDBClient | undefined;
  let provider: PaymentProvider | undefined;
  let mailer: Mailer | undefined;
  const keys = keysFolder(settings);
  const secrets = new Map<string, Buffer>();
  const secret = (name: string) => {
    const known = secrets.get(name) ?? keyOf(keys, name);
    secrets.set(name, known);
    return known;
  };
  return {
    settings,
    alert,
    secret,
    ...(doors === undefined ? {} : { doors }),
    orderHistory: true,
    database({ schema, entities, migrations }) {
      return openDatabase({
        url: contextUrl(settings.database, schema, () => secret(databaseKey(schema)).toString('hex')),
        schema,
        entities,
        migrations,
        migrate: false,
        poolMax: CONNECTIONS,
        applicationName: `souk ${settings.nodeId}`,
      });
    },
    log: () => (log ??= openKafkaLog({ brokers: settings.kafkaBrokers, clientId: settings.nodeId, alert })),
    dynamo: () => (dynamo ??= dynamoClient(settings)),
    provider: () =>
      (provider ??= guarded(
        simulatedProvider({
          url: settings.providerUrl ?? '',
          apiKey: secret('provider-api-key').toString('hex'),
          webhookSecrets: [secret('provider-webhooks').toString('hex')],
        }),
      )),
    probe: probeSources({
      url: () => probeUrl(settings.database, () => secret(databaseKey(PROBE)).toString('hex')),
      providerUrl: settings.providerUrl ?? '',
      secret,
      applicationName: `souk ${settings.nodeId}`,
    }),
    mailer: () =>
      (mailer ??= settings.smtpUrl === undefined ? captureMailer(settings.dataDir) : smtpMailer(settings.smtpUrl)),
    async close() {
      await (await log?.catch(() => undefined))?.close();
      await mailer?.close();
      provider?.close();
      dynamo?.destroy();
    },
  };
}

/** Credentials are found as the SDK finds them: from the environment, or from the machine's role. */
function dynamoClient({ dynamo: { endpoint, region } }: Settings): DynamoDBClient {
  return new DynamoDBClient({ region, ...(endpoint === undefined ? {} : { endpoint }) });
}
