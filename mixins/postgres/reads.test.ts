import { expect, it } from '@jest/globals';
import { StoreUnavailable } from '../store.ts';
import { read } from './reads.ts';

/** A query that fails. */
async function failing(fault: Error): Promise<never> {
  await Promise.resolve();
  throw fault;
}

it('brings what the query brings', async () => {
  await expect(read(Promise.resolve(7))).resolves.toBe(7);
});

it.each([new Error('connect ECONNREFUSED'), new StoreUnavailable('gone')])(
  'tells the caller to come back: %s',
  async (outage) => {
    await expect(read(failing(outage))).rejects.toMatchObject({ type: 'unavailable', code: 503 });
  },
);

it.each(['40001', '40P01', '55P03'])('tells the caller to come back who lost a race for a lock: %s', async (code) => {
  const lost = Object.assign(new Error('canceling statement due to lock timeout'), { severity: 'ERROR', code });
  await expect(read(failing(lost))).rejects.toMatchObject({ type: 'unavailable', code: 503 });
});

it('hides no fault of a query', async () => {
  const fault = Object.assign(new Error('column "x" does not exist'), { severity: 'ERROR', code: '42703' });
  await expect(read(failing(fault))).rejects.toBe(fault);
});
