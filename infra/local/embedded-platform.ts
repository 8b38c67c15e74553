// The platform of the embedded mode: what services need, made of the parts that run beside them on this machine.

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EventLog } from '../../brokers/event-log.ts';
import { openEmbeddedLog } from '../../mixins/embedded-log/embedded-log.ts';
import { captureMailer } from '../../mixins/mailer-capture.ts';
import type { Mailer } from '../../mixins/mailer.ts';
import { smtpMailer } from '../../mixins/mailer-smtp.ts';
import type { Platform } from '../../mixins/platform.ts';
import { openDatabase } from '../../mixins/postgres/database.ts';
import { prepareProbe } from '../../mixins/postgres/prepare.ts';
import { databaseKey, PROBE, PROBE_ROLE, signedInAs } from '../../mixins/postgres/roles.ts';
import { guarded } from '../../mixins/provider-guarded.ts';
import { simulatedProvider } from '../../mixins/provider-simulated.ts';
import type { PaymentProvider } from '../../mixins/provider.ts';
import type { Settings } from '../../mixins/settings.ts';
import type { DataDir } from './data-dir.ts';
import type { Dynamo } from './dynamodb.ts';
import { SECRET_BYTES } from '../node/keys.ts';
import { probeSources } from '../node/probe-sources.ts';

/** Connections of one context: its lane, and some for reads. */
const CONNECTIONS = 4;

export interface Parts {
  readonly settings: Settings;
  readonly dataDir: DataDir;
  readonly postgresUrl: string;
  readonly dynamo: Dynamo;
  readonly providerUrl: string;
  readonly alert: Platform['alert'];
  /** Customers' lists come from DynamoDB, as in a cluster. */
  readonly orderHistory?: boolean;
}

export interface EmbeddedPlatform extends Platform {
  /** Closes the log and the outside connections; services have closed their databases before. */
  close(): Promise<void>;
}

/** A platform over parts that run already. Opens nothing before it is asked. */
export function embeddedPlatform({
  settings,
  dataDir,
  postgresUrl,
  dynamo,
  providerUrl,
  alert,
  orderHistory = false,
}: Parts): EmbeddedPlatform {
  let log: Promise<EventLog> | undefined;
  let client: DynamoDBClient | undefined;
  let provider: PaymentProvider | undefined;
  let mailer: Mailer | undefined;
  const secrets = new Map<string, Buffer>();
  const secret = (name: string) => {
    const known = secrets.get(name) ?? dataDir.secret(name, SECRET_BYTES);
    secrets.set(name, known);
    return known;
  };
  const probePassword = () => secret(databaseKey(PROBE)).toString('hex');
  return {
    settings,
    alert,
    secret,
    orderHistory,
    database: ({ schema, entities, migrations }) =>
      openDatabase({
        url: postgresUrl,
        schema,
        entities,
        migrations,
        poolMax: CONNECTIONS,
        applicationName: `souk ${schema}`,
      }),
    log: () => (log ??= openEmbeddedLog({ url: postgresUrl, alert })),
    dynamo: () =>
      (client ??= new DynamoDBClient({
        endpoint: dynamo.endpoint,
        region: dynamo.region,
        credentials: dynamo.credentials,
      })),
    provider: () =>
      (provider ??= guarded(
        simulatedProvider({
          url: providerUrl,
          apiKey: secret('provider-api-key').toString('hex'),
          webhookSecrets: [secret('provider-webhooks').toString('hex')],
        }),
      )),
    // All others sign in as the administrator here; the probe has its role, which the administrator makes for it.
    probe: probeSources({
      url: () => signedInAs(postgresUrl, PROBE_ROLE, probePassword()),
      prepare: () => prepareProbe(postgresUrl, probePassword()),
      providerUrl,
      secret,
      applicationName: 'souk probe',
    }),
    mailer: () =>
      (mailer ??= settings.smtpUrl === undefined ? captureMailer(dataDir.path) : smtpMailer(settings.smtpUrl)),
    async close() {
      await (await log)?.close();
      await mailer?.close();
      provider?.close();
      client?.destroy();
    },
  };
}
