import { describe, expect, it } from '@jest/globals';
import { type KafkaClient, type KafkaMessage, OutOfStep, type Producer, Refused } from './client.ts';
import { createSender } from './sender.ts';

const to = { topic: 'product.deleted', partition: 1 };
const message = (id: string, value = '{}'): KafkaMessage => ({
  key: Buffer.from('k'),
  value: Buffer.from(value),
  headers: { ce_id: id },
});

/** Producers that answer as they are told, and note what they were given. */
function producers(answers: (Error | 'stored')[]) {
  const sent: string[] = [];
  let made = 0;
  const createProducer = async (): Promise<Producer> => {
    const name = (made += 1);
    return {
      async send({ partition }, batch) {
        sent.push(`${name}: ${batch.map(({ headers }) => headers['ce_id']).join('+')} → ${partition}`);
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
