import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type BrokerOptions, ServiceBroker } from 'moleculer';
import { setTimeout as pause } from 'node:timers/promises';
import { Discoverer, DOUBT_MS } from './discoverer.ts';

const options = (nodeID: string): BrokerOptions => ({
  nodeID,
  namespace: `discoverer-${process.pid}`,
  logger: false,
  transporter: 'Fake',
  // Beats and looks come from the test alone.
  heartbeatInterval: 0,
  heartbeatTimeout: 3,
  registry: { discoverer: new Discoverer() },
});
const LONG_AGO_S = 60;

let looker: ServiceBroker;
let other: ServiceBroker;
/** What the one broker knows of the other. */
const known = () => looker.registry.nodes.get('other') as { available: boolean; lastHeartbeatTime: number };

beforeAll(async () => {
  [looker, other] = [new ServiceBroker(options('looker')), new ServiceBroker(options('other'))];
  await Promise.all([looker.start(), other.start()]);
  await looker.registry.discoverer.discoverAllNodes();
  while ((known() as unknown) === undefined) await pause(5);
});
afterAll(() => Promise.all([looker.stop(), other.stop()]));

function silence(): void {
  known().lastHeartbeatTime = Math.round(process.uptime()) - LONG_AGO_S;
  looker.registry.discoverer.checkRemoteNodes();
}

/** Resolves when the node is declared gone. */
const gone = () => new Promise<string>((resolve) => looker.localBus.once('$node.disconnected', () => resolve('gone')));

it('keeps a node whose heartbeat had come and was only not read yet', async () => {
  const watch = gone();
  silence();
  looker.registry.discoverer.heartbeatReceived('other', { cpu: 1 });
  expect(await Promise.race([watch, pause(2 * DOUBT_MS, 'there')])).toBe('there');
});

it('declares a node gone that is silent still', async () => {
  const watch = gone();
  silence();
  expect(await Promise.race([watch, pause(20 * DOUBT_MS, 'there')])).toBe('gone');
});
