// A node signs in to NATS again, hears NATS, and is not heard: what it says gets lost on the way, as behind a broken firewall.
// When its way is mended it must be back within seconds, not when the handshake of that time has run out.
import { afterEach, beforeEach, expect } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceBroker } from 'moleculer';
import { NATS_HANDSHAKE_MS, NATS_RECONNECT_MS } from '../../brokers/nats-transporter.ts';
import { readSettings } from '../../mixins/settings.ts';
import { brokerOptions } from '../../moleculer.config.ts';
import { until } from '../local/callers.fixture.ts';
import { findNats, missingNats, type Nats, startNats } from '../local/servers/nats.ts';
import { markOf } from '../local/servers/orphans.ts';
import { itWhere } from '../toolchain/it-where.ts';

const shown = itWhere(findNats() !== undefined, missingNats(), 'fetched');
/** For a busy machine. */
const GRACE_MS = 2_000;

let folder: string;
let nats: Nats;
let broker: ServiceBroker;
let way: Awaited<ReturnType<typeof wayTo>>;

/** A way to a port on which what callers say may get lost, and what they hear does not. */
async function wayTo(port: number) {
  const open = new Set<Socket>();
  const events = new EventEmitter<{ lost: [] }>();
  let isLossy = false;
  const server = createServer((caller) => {
    const upstream = connect({ port, host: '127.0.0.1' });
    for (const socket of [caller, upstream]) {
      open.add(socket);
      socket
        .on('error', () => {})
        .once('close', () => {
          for (const other of [caller, upstream]) open.delete(other.destroy());
        });
    }
    upstream.pipe(caller);
    caller.on('data', (said) => {
      if (isLossy) events.emit('lost');
      else upstream.write(said);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const breakAll = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    events,
    /** From now on, and all connections break. */
    lose() {
      isLossy = true;
      breakAll();
    },
    /** What was lost does not come back: such connections break. */
    mend() {
      isLossy = false;
      breakAll();
    },
    close() {
      server.close();
      breakAll();
    },
  };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-signature-'));
  if (findNats() === undefined) return;
  nats = await startNats({ folder, mark: markOf(folder) });
  way = await wayTo(nats.port);
  const settings = readSettings({ NODE_ID: 'orders-1', NATS_URL: `nats://127.0.0.1:${way.port}` });
  broker = new ServiceBroker(brokerOptions(settings, join(folder, 'orders-1.log')));
  await broker.start();
});

afterEach(async () => {
  await broker?.stop();
  way?.close();
  await nats?.stop();
  rmSync(folder, { recursive: true });
});

shown('a node whose signature got lost is back soon after its way is mended', async () => {
  const { tx } = broker.transit as unknown as { readonly tx: { readonly connected: boolean } };
  expect(tx.connected).toBe(true);
  const signature = once(way.events, 'lost');
  way.lose();
  await signature;
  expect(tx.connected).toBe(false);
  way.mend();
  await until('the node is back', () => tx.connected, NATS_HANDSHAKE_MS + 2 * NATS_RECONNECT_MS + GRACE_MS);
});
