// A node for tests of the calls between nodes: a process with the broker that every node has, and a service that knows
// nothing of the shop. It says "ready" to its parent, and ends as nodes do: by SIGTERM in peace, by SIGKILL at once.

import { setTimeout as delay } from 'node:timers/promises';
import { type Context, ServiceBroker, type ServiceSchema } from 'moleculer';
import { readSettings } from '../../mixins/settings.ts';
import { brokerOptions } from '../../moleculer.config.ts';

/** What a test calls. */
export const thingsService: ServiceSchema = {
  name: 'things',
  actions: {
    /** The node that was asked, told in the context as well. */
    async get(ctx: Context<{ ms?: number }, { node?: string }>) {
      if (ctx.params.ms !== undefined) await delay(ctx.params.ms);
      ctx.meta.node = this.broker.nodeID;
      return this.broker.nodeID;
    },
    echo: (ctx: Context<{ body: string }>) => ctx.params.body,
    /** What is left of the time that the first caller gave, here and one call further on, after `ms`. */
    async rest(ctx: Context<{ ms: number }>): Promise<{ here: number; further?: number }> {
      const { timeout: here } = ctx.options as { timeout: number };
      if (ctx.level > 1) return { here };
      await delay(ctx.params.ms);
      const { here: further } = await ctx.call<{ here: number }, object>('things.rest', {});
      return { here, further };
    },
  },
};

/** The options of a node of this name, as every node has them. */
export function nodeOptions(nodeId: string, natsUrl: string, logFile: string) {
  return brokerOptions(readSettings({ NODE_ID: nodeId, NATS_URL: natsUrl }), logFile);
}

async function run(): Promise<void> {
  const { NODE_ID, NATS_URL, LOG_FILE } = process.env as Record<string, string>;
  const broker = new ServiceBroker(nodeOptions(NODE_ID as string, NATS_URL as string, LOG_FILE as string));
  broker.createService(thingsService);
  process.once('SIGTERM', () => void broker.stop().then(() => process.exit(0)));
  // The test has gone.
  process.once('disconnect', () => process.exit(1));
  await broker.start();
  process.send?.({ ready: true });
}

if (process.argv[1] === import.meta.filename) await run();
