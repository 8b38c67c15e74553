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
import type { Fault } from './fault.ts';
import { toldClock } from './skewed-clock.ts';

jest.setTimeout(60_000);

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');
const root = new URL('../../..', import.meta.url);
/** One that keeps no journal: there is nothing else that could show it. */
const NODE = 'carts-1';
/** One that is not on NATS: it has its wrong clock for itself. */
const DEAF = 'carts-2';
const follows = `
  const { followClockFile } = await import('./load/chaos/faults/skewed-clock.ts');
  followClockFile(process.env.DATA_DIR, process.env.NODE_ID);
`;
/** A node of the cluster without its services. */
const program = `
  ${follows}
  const { ServiceBroker } = await import('moleculer');
  const { brokerOptions } = await import('./moleculer.config.ts');
  const { readSettings } = await import('./mixins/settings.ts');
  const broker = new ServiceBroker(brokerOptions(readSettings(process.env), process.env.DATA_DIR + '/nodes/node.log'));
  await broker.start();
  process.stdout.write('ready');
`;

let folder: string;
let nats: Nats | undefined;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-clock-'));
  mkdirSync(join(folder, 'nodes'));
  if (findNats() === undefined) return;
  nats = await startNats({ folder, mark: markOf(folder) });
  await Promise.all([
    start(NODE, program),
    start(DEAF, `${follows} setInterval(() => {}, 1_000); process.stdout.write('ready');`),
  ]);
});

afterAll(async () => {
  for (const child of processes) child.kill('SIGKILL');
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(name: string, text: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
    cwd: root,
    env: { ...process.env, DATA_DIR: folder, NODE_ID: name, NATS_URL: nats?.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  if (child.stdout !== null) await once(child.stdout, 'data');
}

/** A cluster of both. */
function worldOf(say: (what: string) => void = () => {}): World {
  const states = [NODE, DEAF].map((name, n) => ({ name, state: 'ready', pid: processes[n]?.pid }));
  const cluster = { dataDir: folder, natsUrl: nats?.url, supervisor: { states: () => states } };
  return { cluster, say, signal: new AbortController().signal } as unknown as World;
}

/** How far a clock is off is drawn: drawn until it is 90 s this way. */
function skew(world: World, name: string, way: string): Fault {
  for (let seed = 1; ; seed++) {
    const found = clockSkews(world, chanceOf(seed)).find(({ target }) => target === `${name} is 90 s ${way}`);
    if (found !== undefined) return found;
  }
}

withNats('a node whose clock jumps answers with its own time, and is right again afterwards', async () => {
  const world = worldOf();
  for (const [way, seconds] of [
    ['ahead', '90'],
    ['behind', '-90'],
  ] as const) {
    const injected = await skew(world, NODE, way).inject(world);
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

withNats('a clock that is off by its node’s own word alone is no evidence, and is put right', async () => {
  const said: string[] = [];
  const world = worldOf((what) => said.push(what));
  const injected = await skew(world, DEAF, 'ahead').inject(world);
  expect(toldClock(folder, DEAF)).toMatchObject({ skewMs: 90_000 });
  await injected.heal();
  expect(await injected.evidence([])).toEqual([]);
  expect(said.at(-1)).toBe(`${DEAF} answered no ping`);
  expect(toldClock(folder, DEAF)).toMatchObject({ skewMs: 0 });
});
