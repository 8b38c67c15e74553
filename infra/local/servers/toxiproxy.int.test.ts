// The real toxiproxy: passes on what it is told to, does the harm it is told to, and is reachable from this machine only.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itWhere } from '../../toolchain/it-where.ts';
import { greetings, type Probe, probe } from '../cluster/edge-probe.ts';
import { addressesOfProcess } from './listeners.fixture.ts';
import { markOf } from './orphans.ts';
import { stablePort, stablePorts } from './ports.ts';
import { findToxiproxy, missingToxiproxy, startToxiproxy, type Toxiproxy } from './toxiproxy.ts';
import type { Toxic, ToxicOptions } from './toxiproxy-client.ts';

const withToxiproxy = itWhere(findToxiproxy() !== undefined, missingToxiproxy(), 'fetched');

let folder: string;
let echo: Server;
let started: Toxiproxy[];
let listen: number;

const start = async (port?: number) => {
  const toxiproxy = await startToxiproxy({ folder, mark: markOf(folder), port });
  started.push(toxiproxy);
  return toxiproxy;
};
const ask = (): Promise<Probe> => probe(listen, greetings.echo(), { answerMs: 1_000, closeMs: 2_000 });

/** A toxiproxy with one proxy, before an echo. */
async function proxied() {
  const { client, ...rest } = await start();
  const upstream = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
  const made = await client.create({ name: 'echo', listen: `127.0.0.1:${listen}`, upstream });
  expect(made).toMatchObject({ enabled: true, upstream });
  return { ...rest, client };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-toxiproxy-'));
  started = [];
  listen = await stablePort();
  echo = createServer({ noDelay: true }, (socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
});

afterEach(async () => {
  await Promise.all(started.map((toxiproxy) => toxiproxy.stop()));
  echo.close();
  rmSync(folder, { recursive: true });
});

withToxiproxy('passes on, on loopback only, and is told anew after kill -9', async () => {
  const first = await proxied();
  expect((await ask()).outcome).toBe('answered');
  expect(await first.client.version()).toMatch(/2\.\d+\.\d+/);
  if (process.platform === 'linux') expect(addressesOfProcess(first.pid)).toEqual(['127.0.0.1']);

  process.kill(first.pid, 'SIGKILL');
  expect(await first.exited).toBe('was ended by SIGKILL');
  expect((await ask()).outcome).toBe('refused');

  const again = await start(first.port);
  await expect(again.client.state('echo')).rejects.toThrow(/refused GET \/proxies\/echo with 404/);
  // What was to be taken away is gone with the process.
  await again.client.removeToxic('echo', 'latency');
});

withToxiproxy('refuses while it is disabled, and passes on again', async () => {
  const { client } = await proxied();
  expect(await client.setEnabled('echo', false)).toMatchObject({ enabled: false });
  expect((await ask()).outcome).toBe('refused');
  await client.setEnabled('echo', true);
  expect((await ask()).outcome).toBe('answered');
});

const harm: readonly [Toxic, ToxicOptions, Partial<Probe>, ((probe: Probe) => boolean)?][] = [
  [{ type: 'latency', attributes: { latency: 300, jitter: 50 } }, {}, { outcome: 'answered' }, (p) => p.tookMs > 225],
  [
    { type: 'bandwidth', attributes: { rate: 16 } },
    { stream: 'upstream' },
    { outcome: 'answered' },
    (p) => p.tookMs > 200,
  ],
  [{ type: 'slow_close', attributes: { delay: 500 } }, {}, { outcome: 'answered' }, (p) => (p.closeMs ?? 0) > 450],
  [{ type: 'timeout', attributes: { timeout: 200 } }, {}, { outcome: 'closed' }, (p) => p.tookMs > 150],
  [{ type: 'timeout', attributes: { timeout: 0 } }, { stream: 'upstream' }, { outcome: 'silent' }],
  [{ type: 'reset_peer', attributes: { timeout: 0 } }, {}, { outcome: 'reset' }],
  [
    { type: 'slicer', attributes: { average_size: 100, size_variation: 10, delay: 10_000 } },
    {},
    { outcome: 'answered' },
    (p) => p.tookMs > 300,
  ],
  [{ type: 'limit_data', attributes: { bytes: 1_000 } }, {}, { outcome: 'closed' }],
  [{ type: 'latency', attributes: { latency: 900 } }, { toxicity: 0 }, { outcome: 'answered' }, (p) => p.tookMs < 500],
];

withToxiproxy('does each kind of harm, and none when it was taken away', async () => {
  const { client } = await proxied();
  for (const [toxic, options, expected, holds] of harm) {
    const added = await client.addToxic('echo', 'harm', toxic, options);
    expect(added).toMatchObject({ type: toxic.type, stream: options.stream ?? 'downstream' });
    expect((await client.state('echo')).toxics).toMatchObject([{ name: 'harm', attributes: toxic.attributes }]);
    const seen = await ask();
    expect({ toxic, ...seen }).toMatchObject({ toxic, ...expected });
    expect({ toxic, seen, holds: holds?.(seen) ?? true }).toMatchObject({ holds: true });
    await client.removeToxic('echo', 'harm');
    const well = await ask();
    expect({ toxic, ...well }).toMatchObject({ outcome: 'answered' });
    expect((await client.state('echo')).toxics).toEqual([]);
  }
});

withToxiproxy('says what it was told wrong, in its own words', async () => {
  const { client } = await proxied();
  await expect(client.addToxic('nowhere', 'harm', { type: 'timeout', attributes: { timeout: 0 } })).rejects.toThrow(
    /toxiproxy refused POST \/proxies\/nowhere\/toxics with 404: .*proxy not found/,
  );
});

withToxiproxy('does not take another one for itself', async () => {
  const { port } = await start();
  await expect(start(port)).rejects.toThrow(`toxiproxy cannot have port ${port}: somebody else listens on it.`);
});

it('gives no port that is promised already', async () => {
  const promised = Array.from({ length: 11_999 }, (_, i) => 20_000 + i);
  await expect(stablePorts(2, promised)).rejects.toThrow('No free port was found between 20000 and 31999.');
});
