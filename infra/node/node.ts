// One node of the cluster: a process with the services that SERVICES names, on the servers that the environment names.
//
//   settings ─► (doors, from the supervisor) ─► broker on NATS ─► services ─► "ready" ─► SIGTERM: drained, gone
//
// What supervises it (npm run cluster, Kubernetes) ends it by SIGTERM; a second one changes nothing. It may be killed at any
// moment: everything it ever answered is committed.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceBroker } from 'moleculer';
import { brokerOptions } from '../../moleculer.config.ts';
import { BadSetting, demandCluster, readSettings, unknownSettings } from '../../mixins/settings.ts';
import { servicesNamed } from '../../services/services.ts';
import { doorsFromSupervisor } from './doors.ts';
import { allKeys, keysOf } from './key-names.ts';
import { demandKeys } from './keys.ts';
import { turnOver } from './log-file.ts';
import { replService } from './repl-server.ts';
import { keysFolder, nodePlatform } from './platform.ts';

/** A stop that takes longer than this is cut short: the data are safe at any moment. In milliseconds. */
const STOP_MAX_MS = 8_000;
/** A node whose supervisor is gone finishes what it has begun, but not for ever. */
const ORPHANED_MS = 3_000;

async function start(): Promise<void> {
  const settings = readSettings(process.env);
  demandCluster(settings);
  for (const hint of unknownSettings(process.env)) console.error(hint);
  // Now, not at the first request that needs one.
  demandKeys(keysFolder(settings), settings.services.length === 0 ? allKeys : keysOf(settings.services));
  const doors = process.argv.includes('--door') ? await doorsFromSupervisor() : undefined;
  const logs = join(settings.dataDir, 'nodes');
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const logFile = join(logs, `${settings.nodeId}.log`);
  turnOver(logFile);
  const broker = new ServiceBroker(brokerOptions(settings, logFile));
  const alert = (what: string, particulars: object) => broker.logger.error(particulars, what);
  const platform = nodePlatform({ settings, alert, doors });
  const services = servicesNamed(settings.services);
  const started = services.map((service) => broker.createService(service(platform)));
  broker.createService(replService);

  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_MAX_MS).unref();
    // The gateway goes first: it stops taking requests while everything behind it still answers.
    const gateway = started.find(({ name }) => name === 'api');
    if (gateway !== undefined) await broker.destroyService(gateway);
    await broker.stop();
    await platform.close();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop());
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), ORPHANED_MS).unref();
    void stop();
  });

  await broker.start();
  process.send?.({ ready: true });
}

try {
  await start();
} catch (error) {
  const isStated = ['StartRefused', 'UnpreparedDatabase'].includes((error as Error).name);
  const isPlain = error instanceof BadSetting || isStated;
  console.error(isPlain ? (error as Error).message : error);
  process.exit(1);
}
