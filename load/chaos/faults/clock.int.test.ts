// A clock that is wrong is seen from outside: a process on NATS whose Date is shifted says so in its answer to a ping.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, jest } from '@jest/globals';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { findNats, missingNats, type Nats, startNats } from '../../../infra/local/servers/nats.ts';
import { markOf } from '../../../infra/local/servers/orphans.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import type { World } from '../world.ts';
import { clockSkews } from './clock.ts';

jest.setTimeout(60_000);

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');
const root = new URL('../../..', import.meta.url);
/** One that keeps no journal: there is nothing else that could show it. */
const NODE = 'carts-1';
/** A node of the cluster without its services. */
const program = `
  const { followClockFile } = await import('./load/chaos/faults/skewed-clock.ts');
  followClockFile(process.env.DATA_DIR, process.env.NODE_ID);
  const { ServiceBroker } = await import('moleculer');
  const { brokerOptions } = await import('./moleculer.config.ts');
  const { readSettings } = await import('./mixins/settings.ts');
  const broker = new ServiceBroker(brokerOptions(readSettings(process.env), process.env.DATA_DIR + '/nodes/node.log'));
  await broker.start();
  process.stdout.write('ready');
`;

let folder: string;
let nats: Nats | undefined;
let node: ChildProcess | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-clock-'));
  mkdirSync(join(folder, 'nodes'));
  if (findNats() === undefined) return;
  nats = await startNats({ folder, mark: markOf(folder) });
  node = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: root,
    env: { ...process.env, DATA_DIR: folder, NODE_ID: NODE, NATS_URL: nats.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (node.stdout !== null) await once(node.stdout, 'data');
});

afterAll(async () => {
  node?.kill('SIGKILL');
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

withNats('a node whose clock jumps answers with its own time, and is right again afterwards', async () => {
  const states = [{ name: NODE, state: 'ready', pid: node?.pid }];
  const cluster = { dataDir: folder, natsUrl: nats?.url, supervisor: { states: () => states } };
  const world = { cluster, say: () => {}, signal: new AbortController().signal } as unknown as World;
  const skew = (way: string) => {
    for (let seed = 1; ; seed++) {
      const found = clockSkews(world, chanceOf(seed)).find(({ target }) => target.endsWith(` 90 s ${way}`));
      if (found !== undefined) return found;
    }
  };
  for (const [way, seconds] of [
    ['ahead', '90'],
    ['behind', '-90'],
  ] as const) {
    const injected = await skew(way).inject(world);
    expect(injected.healedAt?.()).toBeUndefined();
    await injected.heal();
    expect(injected.healedAt?.()).toBeDefined();
    const [own, asked] = await injected.evidence([]);
    expect(own).toMatch(/^by its own word/);
    // A ping takes its time, on a busy machine more.
    const said = Number(/^in its answer to a ping carts-1 was (-?[\d.]+) s off/.exec(asked ?? '')?.[1]);
    expect(Math.abs(said - Number(seconds))).toBeLessThan(2);
  }
});
