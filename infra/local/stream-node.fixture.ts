// For tests: a node in a process of its own, which can be killed, with stubs of what streams: it makes files and takes
// them at its own pace, and answers questions about one order, whose version it reads at `ledger.read`.
//
//   node infra/local/stream-node.fixture.ts        NATS_URL, NODE_ID; SERVICES names the stubs

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { type Context, ServiceBroker } from 'moleculer';
import { orderActor } from '../../actors/order.ts';
import type { Caller } from '../../mixins/caller.ts';
import { exportFile } from '../../mixins/export-file.ts';
import type { AnySchema } from '../../mixins/service-schema.ts';
import { readSettings } from '../../mixins/settings.ts';
import { type Streaming, streams } from '../../mixins/streams/streams.mixin.ts';
import { brokerOptions } from '../../moleculer.config.ts';
import { ANSWER_MS, answerQuestion, type Question } from '../../services/orders/stream.ts';
import type { Versioned } from '../../services/orders/waiting.ts';

/** What the node has made of files, and taken. */
export interface StreamedSoFar {
  readonly lines: number;
  readonly isEnded: boolean;
  readonly bytes: number;
  readonly open: number;
  readonly memory: number;
}

/** A line of an exported file, of about 300 bytes. */
export const lineOf = (n: number): string => `${n},${String(n % 10).repeat(300)}\u00e9\n`;
/** Lines of the file in CSV; the one in JSON lines has no end. */
export const LINES = 100_000;

const made = { lines: 0, isEnded: false };

async function* file(count: number): AsyncGenerator<string> {
  made.isEnded = false;
  try {
    for (made.lines = 0; made.lines < count; made.lines++) yield await Promise.resolve(lineOf(made.lines));
  } finally {
    made.isEnded = true;
  }
}

const customers = {
  name: 'users',
  mixins: [streams()],
  actions: {
    export(this: Streaming, ctx: Context<{ readonly format: 'csv' | 'jsonl' }, Caller>) {
      const { format } = ctx.params;
      const text = file(format === 'csv' ? LINES : Number.POSITIVE_INFINITY);
      return this.openStreams.send(ctx, exportFile(ctx.meta, 'customers', format, text));
    },
    soFar(this: Streaming): StreamedSoFar {
      return { ...made, bytes: 0, open: this.openStreams.size, memory: process.memoryUsage.rss() };
    },
  },
};

const taken = { bytes: 0, isEnded: false };
let going = Promise.withResolvers<void>();

async function take(body: Readable | null) {
  taken.bytes = 0;
  taken.isEnded = false;
  const hash = createHash('sha256');
  try {
    for await (const bytes of body ?? []) {
      await going.promise;
      taken.bytes += (bytes as Uint8Array).length;
      hash.update(bytes as Uint8Array);
    }
    return { accepted: taken.bytes, rejected: 0, errors: [{ line: 1, code: 'digest', detail: hash.digest('hex') }] };
  } finally {
    taken.isEnded = true;
  }
}

const products = {
  name: 'products',
  mixins: [streams()],
  actions: {
    import(this: Streaming, ctx: Context<{ readonly inPieces?: boolean }>) {
      return this.openStreams.receive(ctx, take);
    },
    /** Files are read from now on. */
    go: () => going.resolve(),
    /** Files are read no further. */
    halt: () => void (going = Promise.withResolvers()),
    soFar(this: Streaming): StreamedSoFar {
      return { lines: 0, ...taken, open: this.openStreams.size, memory: process.memoryUsage.rss() };
    },
  },
};

const orders = {
  name: 'orders',
  actions: {
    stream: {
      timeout: ANSWER_MS,
      attemptMs: ANSWER_MS,
      handler(this: { readonly broker: ServiceBroker }, ctx: Context<Question>) {
        const read = async (id: string): Promise<Versioned> => {
          const version = await this.broker.call<number, object>('ledger.read', { id, by: this.broker.nodeID });
          return { version, order: { ...orderActor.initial, status: 'PAID', currency: 'GBP', lines: [] } };
        };
        const waiting = { until: () => Promise.reject(new Error('nobody waits')), watch: () => () => {} };
        const isStopping = () => false;
        return answerQuestion({ waiting, readOrder: read, own: () => read(ctx.params.id), isStopping }, ctx.params);
      },
    },
  },
};

if (process.argv[1] === import.meta.filename) {
  const settings = readSettings(process.env);
  const broker = new ServiceBroker(brokerOptions(settings, '/dev/null'));
  for (const service of [customers, products, orders])
    if (settings.services.includes(service.name)) broker.createService(service as unknown as AnySchema);
  await broker.start();
  process.send?.('ready');
  await once(process, 'disconnect');
  process.exit(0);
}
