import { describe, expect, it } from '@jest/globals';
import { type KafkaClient, type KafkaMessage, OutOfStep, type Producer, Refused } from './client.ts';
import { createSender } from './sender.ts';

const to = { topic: 'product.deleted', partition: 1 };
const message = (id: string, value = '{}'): KafkaMessage => ({
  key: Buffer.from('k'),
  value: Buffer.from(value),
  headers: { ce_id: id },
});

/** Producers that answer as they are told, and note what they were given. Partitions 1 and 2 have one leader, 3 another. */
function producers(answers: (Error | 'stored')[]) {
  const sent: string[] = [];
  let made = 0;
  const named = (batch: readonly KafkaMessage[]) => batch.map(({ headers }) => headers['ce_id']).join('+');
  const createProducer = async (): Promise<Producer> => {
    const name = (made += 1);
    const known = new Set<number>();
    return {
      async send({ partition }, batch) {
        sent.push(`${name}: ${named(batch)} → ${partition}`);
        known.add(partition);
        const answer = answers.shift() ?? 'stored';
        if (answer !== 'stored') throw answer;
      },
      leaderOf: ({ partition }) => (known.has(partition) ? Math.ceil(partition / 2) : undefined),
      async sendTogether(batches) {
        sent.push(`${name}: ${batches.map((batch) => `${named(batch.messages)} → ${batch.to.partition}`).join(', ')}`);
        const answer = answers.shift() ?? 'stored';
        if (answer !== 'stored') throw answer;
      },
      close: async () => {},
    };
  };
  return { sent, client: { createProducer } as unknown as KafkaClient };
}

const unknown = () => new Error('no answer');

describe('a sender', () => {
  it('sends the same batch until it is acknowledged, and nothing else of its partition before', async () => {
    const { sent, client } = producers([unknown(), unknown()]);
    const sender = createSender(client, () => {});
    await Promise.all([sender.send(to, [message('a'), message('b')]), sender.send(to, [message('c')])]);
    expect(sent).toEqual(['1: a+b → 1', '1: a+b → 1', '1: a+b → 1', '1: c → 1']);
  });

  it('lets other partitions go on meanwhile', async () => {
    const { sent, client } = producers([unknown()]);
    const sender = createSender(client, () => {});
    await Promise.all([sender.send(to, [message('a')]), sender.send({ ...to, partition: 2 }, [message('b')])]);
    expect(sent).toEqual(['1: a → 1', '1: b → 2', '1: a → 1']);
  });

  it('sends what goes to one broker in one request, as soon as it knows who leads', async () => {
    const { sent, client } = producers([]);
    const sender = createSender(client, () => {});
    const round = (name: string) =>
      Promise.all([1, 2, 3].map((partition) => sender.send({ ...to, partition }, [message(`${name}${partition}`)])));
    await round('a');
    await round('b');
    expect(sent).toEqual(['1: a1 → 1', '1: a2 → 2', '1: a3 → 3', '1: b1 → 1, b2 → 2', '1: b3 → 3']);
  });

  it('sends each batch of a request in doubt again by itself, before anything newer of its partition', async () => {
    const { sent, client } = producers(['stored', 'stored', unknown(), 'stored', unknown()]);
    const sender = createSender(client, () => {});
    const round = (name: string) =>
      Promise.all([1, 2].map((partition) => sender.send({ ...to, partition }, [message(`${name}${partition}`)])));
    await round('a');
    await Promise.all([round('b'), sender.send(to, [message('c')])]);
    expect(sent[2]).toBe('1: b1 → 1, b2 → 2');
    expect(sent.slice(3).toSorted()).toEqual(['1: b1 → 1', '1: b2 → 2', '1: b2 → 2', '1: c → 1']);
    expect(sent.indexOf('1: c → 1')).toBeGreaterThan(sent.indexOf('1: b1 → 1'));
  });

  it('makes no request that is larger than a batch may be', async () => {
    const { sent, client } = producers([]);
    const sender = createSender(client, () => {});
    const round = (name: string, size: number) =>
      Promise.all(
        [1, 2].map((partition) =>
          sender.send({ ...to, partition }, [message(`${name}${partition}`, 'x'.repeat(size))]),
        ),
      );
    await round('a', 1);
    await round('b', 600_000);
    expect(sent.slice(2)).toEqual(['1: b1 → 1', '1: b2 → 2']);
  });

  it('takes another producer only when the brokers want nothing of this one any more', async () => {
    const alerts: string[] = [];
    const { sent, client } = producers([unknown(), new OutOfStep('out of order')]);
    const sender = createSender(client, (what) => alerts.push(what));
    await sender.send(to, [message('a')]);
    await sender.send(to, [message('b')]);
    expect(sent).toEqual(['1: a → 1', '1: a → 1', '2: a → 1', '2: b → 1']);
    expect(alerts).toEqual(['a new producer takes over']);
  });

  it('goes on after a batch that the brokers refuse', async () => {
    const { sent, client } = producers([new Refused('too large')]);
    const sender = createSender(client, () => {});
    const outcomes = await Promise.allSettled([sender.send(to, [message('a')]), sender.send(to, [message('b')])]);
    expect(outcomes).toMatchObject([{ reason: { name: 'Refused' } }, { status: 'fulfilled' }]);
    expect(sent).toEqual(['1: a → 1', '1: b → 1']);
  });

  it('makes batches that brokers take, and a batch of its own for what is larger', async () => {
    const { sent, client } = producers([]);
    const sender = createSender(client, () => {});
    const sizes = [400_000, 400_000, 400_000, 2_000_000, 10];
    await sender.send(
      to,
      sizes.map((size, n) => message(String(n), 'x'.repeat(size))),
    );
    expect(sent).toEqual(['1: 0+1 → 1', '1: 2 → 1', '1: 3 → 1', '1: 4 → 1']);
  });

  it('tells a person when it keeps failing, and ends when it is stopped', async () => {
    const told = Promise.withResolvers<object>();
    const { client } = producers(Array.from({ length: 100 }, unknown));
    const sender = createSender(client, (what, more) => told.resolve({ what, ...more }));
    const sending = Promise.allSettled([sender.send(to, [message('a')])]);
    expect(await told.promise).toMatchObject({ what: 'the event log takes nothing', ...to, attempt: 8 });
    await sender.stop();
    expect(await sending).toMatchObject([{ status: 'rejected' }]);
  });
});
