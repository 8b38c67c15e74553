// A node of a small cluster for the tests of the REPL: real services over NATS and PostgreSQL, with the log in PostgreSQL
// too, so that no Kafka is needed. As a program it is a node in a process of its own: `node node.fixture.ts '{"nodeId":…}'`.

import { ServiceBroker } from 'moleculer';
import { openEmbeddedLog } from '../../../mixins/embedded-log/embedded-log.ts';
import type { Platform } from '../../../mixins/platform.ts';
import { openDatabase } from '../../../mixins/postgres/database.ts';
import { guarded } from '../../../mixins/provider-guarded.ts';
import { simulatedProvider } from '../../../mixins/provider-simulated.ts';
import { readSettings } from '../../../mixins/settings.ts';
import { brokerOptions } from '../../../moleculer.config.ts';
import { servicesNamed } from '../../../services/services.ts';
import { replService } from '../../node/repl-server.ts';

export interface TestNodeOptions {
  readonly nodeId: string;
  readonly natsUrl: string;
  readonly databaseUrl: string;
  readonly providerUrl: string;
  readonly providerKey: string;
  readonly services: readonly string[];
}

export interface TestNode {
  readonly broker: ServiceBroker;
  stop(): Promise<void>;
}

/** Connections of a context: there are many contexts on one small PostgreSQL. */
const CONNECTIONS = 2;
const PAYMENT_DEADLINE_S = '60';

/** Starts it; its services are there, those of others come when they come. */
export async function startNode(options: TestNodeOptions): Promise<TestNode> {
  const { nodeId, natsUrl, databaseUrl, providerUrl, providerKey, services } = options;
  const settings = readSettings({
    NODE_ID: nodeId,
    NATS_URL: natsUrl,
    PAYMENT_DEADLINE_SECONDS: PAYMENT_DEADLINE_S,
  });
  const broker = new ServiceBroker({ ...brokerOptions(settings, ''), logger: false });
  const alert = (what: string, particulars: object) => {
    process.stderr.write(`${nodeId}: ${what} ${JSON.stringify(particulars)}\n`);
  };
  const log = services.length === 0 ? undefined : await openEmbeddedLog({ url: databaseUrl, alert });
  const provider = guarded(simulatedProvider({ url: providerUrl, apiKey: providerKey, webhookSecrets: ['secret'] }));
  const platform: Platform = {
    settings,
    alert,
    secret: (name) => Buffer.alloc(32, name),
    database: (context) =>
      openDatabase({ url: databaseUrl, ...context, poolMax: CONNECTIONS, applicationName: nodeId }),
    log: () => (log === undefined ? Promise.reject(new Error('this node has no log')) : Promise.resolve(log)),
    dynamo: () => {
      throw new Error('this node has no carts');
    },
    provider: () => provider,
    mailer: () => {
      throw new Error('this node sends no mails');
    },
  };
  if (services.length > 0) for (const service of servicesNamed(services)) broker.createService(service(platform));
  broker.createService(replService);
  await broker.start();
  return {
    broker,
    async stop() {
      await broker.stop();
      await log?.close();
      provider.close();
    },
  };
}

if (import.meta.main) {
  const node = await startNode(JSON.parse(process.argv[2] ?? '') as TestNodeOptions);
  process.on('disconnect', () => void node.stop().then(() => process.exit(0)));
  process.send?.('ready');
}
