import { describe, expect, it } from '@jest/globals';
import { untilDone } from './kafkajs-join.ts';

describe('joining a group', () => {
  it('goes on until it is done, whatever kept it', async () => {
    let attempts = 0;
    await untilDone(
      async () => {
        attempts += 1;
        if (attempts < 4) throw new Error('the coordinator is loading');
      },
      { againMs: 1 },
    );
    expect(attempts).toBe(4);
  });

  it('ends in the one error by which a consumer of kafkajs ends, with the reason', async () => {
    const reason = new Error('nobody answers');
    await expect(untilDone(() => Promise.reject(reason), { attempts: 3, againMs: 1 })).rejects.toMatchObject({
      name: 'KafkaJSNoBrokerAvailableError',
      cause: reason,
    });
  });
});
