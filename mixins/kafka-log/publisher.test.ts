import { describe, expect, it } from '@jest/globals';
import type { NewEvent } from '../../brokers/event-log.ts';
import { WAITING_MAX } from '../../brokers/log-appender.ts';
import { type KafkaMessage, Refused } from './client.ts';
import { createPublisher } from './publisher.ts';

const event = (n: number): NewEvent => ({
  topic: 'product.deleted',
  key: 'p',
  id: `e-${n}`,
  source: 'souk/products',
  time: n,
  data: { productId: 'p', sku: 'CUP', version: 1 },
});

/** A publisher over a Kafka that acknowledges when it is told to. */
function silentKafka(traceparent: () => string | undefined = () => undefined) {
  const sent: KafkaMessage[] = [];
  const alerts: string[] = [];
  let acknowledge = (): void => {};
  let waits = true;
  const publisher = createPublisher({
    sender: {
      async send(_to, messages) {
        sent.push(...messages);
        if (waits) await new Promise<void>((resolve) => (acknowledge = resolve));
      },
      stop: async () => {},
    },
    alert: (what) => alerts.push(what),
    patienceMs: 20,
    traceparent,
  });
  return {
    publisher,
    alerts,
    ids: () => sent.map(({ headers }) => headers['ce_id']),
    traces: () => sent.map(({ headers }) => headers['traceparent']),
    comeBack() {
      waits = false;
      acknowledge();
    },
  };
}

describe('a publisher', () => {
  it('says "unavailable" when nothing is acknowledged in time, and at once while that goes on', async () => {
    const { publisher, ids, alerts } = silentKafka();
    await expect(publisher.append([event(1)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
    await expect(publisher.append([event(2)])).rejects.toMatchObject({ code: 503, type: 'unavailable' });
    expect(ids()).toEqual(['e-1']);
    expect(alerts).toEqual(['the event log does not answer']);
  });

  it('does not store again what was stored too late for its publisher', async () => {
    const { publisher, ids, comeBack } = silentKafka();
    await expect(publisher.append([event(1)])).rejects.toMatchObject({ code: 503 });
    comeBack();
    await new Promise(setImmediate);
    await publisher.append([event(1), event(2)]);
    expect(ids()).toEqual(['e-1', 'e-2']);
  });

  it('stores once what shares a write with something that is refused', async () => {
    const sent: string[] = [];
    const publisher = createPublisher({
      sender: {
        async send({ partition }, messages) {
          if (partition === 0) throw new Refused('too large');
          sent.push(...messages.map(({ headers }) => headers['ce_id'] as string));
        },
        stop: async () => {},
      },
      alert: () => {},
      patienceMs: 1_000,
      traceparent: () => undefined,
    });
    const appends = [0, 1, 2].map((partition) => publisher.append([{ ...event(partition), partition }]));
    expect(await Promise.allSettled(appends)).toMatchObject([
      { reason: { name: 'Refused' } },
      { status: 'fulfilled' },
      { status: 'fulfilled' },
    ]);
    expect(sent).toEqual(['e-1', 'e-2']);
  });

  it('holds so many events and no more', async () => {
    const { publisher, comeBack } = silentKafka();
    const many = Array.from({ length: WAITING_MAX }, (_, n) => event(n));
    const first = publisher.append(many);
    await expect(publisher.append([event(-1)])).rejects.toMatchObject({ code: 503 });
    await new Promise(setImmediate);
    comeBack();
    await first;
  });

  it('tells which trace an event belongs to, if there is one', async () => {
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    let present: string | undefined = trace;
    const { publisher, traces, comeBack } = silentKafka(() => present);
    comeBack();
    const traced = publisher.append([event(1)]);
    present = undefined;
    await Promise.all([traced, publisher.append([event(2)])]);
    expect(traces()).toEqual([trace, undefined]);
  });
});
