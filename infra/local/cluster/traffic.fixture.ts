// Traffic at a fixed rate, whatever becomes of it: requests are sent when they are due and not when others are answered, so
// a shop that stands still is not spared. What every request led to is kept.

import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, Call, TestCluster } from './cluster.fixture.ts';

/** One request and what became of it. */
export interface Sent {
  readonly kind: 'order' | 'read';
  /** Milliseconds on the clock of `performance`. */
  readonly at: number;
  readonly tookMs: number;
  /** undefined: the connection broke. */
  readonly answer: Answer | undefined;
  readonly error?: string;
}

export interface Traffic {
  /** Stops sending; resolves when everything is answered. */
  stop(): Promise<readonly Sent[]>;
  readonly sent: readonly Sent[];
}

export interface TrafficOptions {
  readonly perSecond: number;
  /** Every so many requests one is a keyed order; the others read. */
  readonly everyNth: number;
  readonly products: readonly { readonly id: string; readonly sku: string }[];
  /** Prefix of the keys; each order has its own. */
  readonly name: string;
}

type Shop = Pick<TestCluster, 'call' | 'wish' | 'staff'>;

/** Begins to send; `stop` it. */
export function startTraffic(
  { call, wish, staff }: Shop,
  { perSecond, everyNth, products, name }: TrafficOptions,
): Traffic {
  const sent: Sent[] = [];
  const underWay = new Set<Promise<void>>();
  const placed: string[] = [];
  let running = true;

  async function send(kind: Sent['kind'], target: string, options?: Call): Promise<void> {
    const at = performance.now();
    const took = () => performance.now() - at;
    try {
      const answer = await call(target, options);
      sent.push({ kind, at, tookMs: took(), answer });
      if (kind === 'order' && answer.status === 201) placed.push(answer.body.id);
    } catch (error) {
      const { message, cause } = error as Error & { readonly cause?: Error };
      sent.push({
        kind,
        at,
        tookMs: took(),
        answer: undefined,
        error: `${target}: ${message} ${cause?.message ?? ''}`,
      });
    }
  }

  function next(n: number): Promise<void> {
    const product = products[n % products.length] as { id: string };
    if (n % everyNth === 0) return send('order', 'POST /api/v1/orders', wish([[product, 1]], { key: `${name}-${n}` }));
    const order = placed.at(-1 - (n % 7));
    if (n % 2 === 0 || order === undefined) return send('read', `GET /api/v1/products/${product.id}`);
    return send('read', `GET /api/v1/orders/${order}`, { token: staff.token });
  }

  const sending = (async () => {
    const startedAt = performance.now();
    for (let n = 0; running; n++) {
      const dueIn = startedAt + (n * 1_000) / perSecond - performance.now();
      if (dueIn > 1) await pause(dueIn);
      const request = next(n).finally(() => underWay.delete(request));
      underWay.add(request);
    }
  })();

  return {
    sent,
    async stop() {
      running = false;
      await sending;
      await Promise.all(underWay);
      return sent;
    },
  };
}

/** A line for people: how many, how they ended, how long they took. */
export function summary(sent: readonly Sent[]): string {
  const statuses = Map.groupBy(sent, ({ kind, answer }) => `${kind} ${answer?.status ?? 'broken'}`);
  const took = sent.map(({ tookMs }) => tookMs).toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0);
  const counts = [...statuses].map(([what, all]) => `${what}: ${all.length}`).toSorted();
  return `${sent.length} requests (${counts.join(', ')}), p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}
