// The catalogue's files through NATS: what goes in from another node comes out there again, and is what one process gives.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { ServiceBroker } from 'moleculer';
import { findNats, missingNats, type Nats, startNats } from '../../infra/local/servers/nats.ts';
import { markOf } from '../../infra/local/servers/orphans.ts';
import { itWhere } from '../../infra/toolchain/it-where.ts';
import { readSettings } from '../../mixins/settings.ts';
import { pullStream, pushStream } from '../../mixins/streams/carry.ts';
import type { StreamHandle } from '../../mixins/streams/stream-handle.ts';
import { brokerOptions } from '../../moleculer.config.ts';
import { openTestShop, type TestShop } from './products.testing.ts';

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');
const ROWS = 5_000;

let folder: string;
let nats: Nats;
let shop: TestShop;
let gateway: ServiceBroker;
beforeAll(async () => {
  if (findNats() === undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'souk-streams-'));
  nats = await startNats({ folder, mark: markOf(folder) });
  const brokerOf = (nodeId: string) =>
    new ServiceBroker(brokerOptions({ ...readSettings({}), nodeId, natsUrl: nats.url }, '/dev/null'));
  gateway = brokerOf('gateway');
  shop = await openTestShop(brokerOf('products-1'));
  await gateway.start();
  await gateway.waitForServices('products');
});
afterAll(async () => {
  await gateway?.stop();
  await shop?.close();
  await nats?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

async function exported(format: string): Promise<string> {
  const handle = await gateway.call<StreamHandle, object>('products.export', { format });
  return await text(pullStream({ broker: gateway, service: 'products', handle }));
}

async function imported(csv: string): Promise<unknown> {
  const params = { inPieces: true };
  const handle = await gateway.call<StreamHandle, object>('products.import', params, { meta: { commandId: 'c-1' } });
  // In chunks that end in the middle of rows and of characters.
  const bytes = Buffer.from(csv);
  const chunks = Array.from({ length: Math.ceil(bytes.length / 50_021) }, (_, i) =>
    bytes.subarray(i * 50_021, (i + 1) * 50_021),
  );
  return await pushStream(
    { broker: gateway, service: 'products', handle },
    Readable.from(chunks, { objectMode: false }),
  );
}

describe('a catalogue that goes in and out through NATS', () => {
  withNats('is the file that was sent, and the file that one process gives', async () => {
    const heads = 'sku,name,description,category,price,currency,stock\n';
    const row = (i: number) =>
      `row-${String(i).padStart(6, '0')},"Caf\u00e9 \ud83d\ude00, no. ${i}","About ""${i}""",Cups/${i % 7},${i}.50,GBP,${i % 5}\n`;
    const csv = heads + Array.from({ length: ROWS }, (_, i) => row(i)).join('');

    expect(await imported(csv)).toEqual({ accepted: ROWS, rejected: 0, errors: [] });
    expect(await exported('csv')).toBe(csv);
    expect(await text(await shop.call<Readable>('export', { format: 'csv' }))).toBe(csv);
    const json = await exported('jsonl');
    expect(json).toBe(await text(await shop.call<Readable>('export', { format: 'jsonl' })));
    expect(json.split('\n')).toHaveLength(ROWS + 1);
  });

  withNats('tells the sender of a file that cannot be one at once why', async () => {
    const refused = imported(`no,heads\n${'x,y\n'.repeat(1_000_000)}`);
    await expect(refused).rejects.toMatchObject({ name: 'Problem', type: 'invalid-request' });
    expect(await exported('csv')).toContain('row-000000');
  });
});
