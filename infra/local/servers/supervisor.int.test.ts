// The supervisor over real processes: killed and back on the same port, ended as a whole, and what a killed supervisor leaves.
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { itWhere } from '../../toolchain/it-where.ts';
import { openDataDir } from '../data-dir.ts';
import { answersPing, findNats, missingNats } from './nats.ts';
import { endMarked, marked, markOf } from './orphans.ts';
import { stablePort, stablePorts } from './ports.ts';
import { startServer } from './server-process.ts';
import { journal } from './supervisor.fixture.ts';
import { supervise, type Supervisor, type Unit } from './supervisor.ts';
import { foreignPostgresUnit, hidePassword, natsUnit, postgresUnit } from './units.ts';

const withNats = itWhere(findNats() !== undefined, missingNats(), 'fetched');

let folder: string;
let mark: string;
let story: ReturnType<typeof journal>;
let supervisor: Supervisor | undefined;
let others: ChildProcess[];

const start = (units: readonly Unit[], stopMs = 10_000) =>
  (supervisor = supervise(units, { mark, onChange: story.onChange, stopMs, pauseMaxMs: 50 }));

/** A Node program as a unit; it says that it is ready by a file. */
const program = (name: string, code: string): Unit => ({
  name,
  start: (signal) =>
    startServer({
      name,
      command: process.execPath,
      args: ['-e', `${code}; require('node:fs').writeFileSync('${name}.ready', '')`],
      logFile: join(folder, `${name}.log`),
      isReady: async () => existsSync(join(folder, `${name}.ready`)),
      mark,
      signal,
      stopMs: 100,
    }),
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-supervisor-'));
  mark = markOf(folder);
  story = journal();
  others = [];
});

afterEach(async () => {
  await supervisor?.stop();
  supervisor = undefined;
  for (const other of others) other.kill('SIGKILL');
  await endMarked(mark);
  rmSync(folder, { recursive: true });
});

withNats('brings PostgreSQL and NATS back on their ports after kill -9, and ends both', async () => {
  chmodSync(folder, 0o711); // as root, PostgreSQL runs as somebody else, who must get through
  const dataDir = openDataDir(join(folder, 'data'));
  const [natsPort, postgresPort] = (await stablePorts(2)) as [number, number];
  const urls: string[] = [];
  const { ready, states, stop } = start([
    natsUnit({ folder, mark }, natsPort),
    postgresUnit(dataDir, postgresPort, { log: () => {}, onUrl: (url) => urls.push(url) }),
  ]);
  try {
    await ready;
    for (const { name, pid } of states()) {
      const again = story.next(`${name} ready`);
      process.kill(pid as number, 'SIGKILL');
      expect((await again).pid).not.toBe(pid);
    }
    expect(await answersPing(natsPort)).toBe(true);
    expect(urls[0]).toContain(`:${postgresPort}/`);
    expect(urls[1]).toBe(urls[0]);
    await stop();
    expect(await answersPing(natsPort)).toBe(false);
    expect(marked(mark)).toEqual([]);
  } finally {
    await stop();
    dataDir.close();
  }
});

it('ends one that does not want to, and what that one started', async () => {
  const stubborn = `
    process.on('SIGTERM', () => {});
    require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    setInterval(() => {}, 1e6)`;
  const { ready, stop } = start([program('stubborn', stubborn)]);
  await ready;
  expect(marked(mark)).toHaveLength(2);
  await stop();
  expect(marked(mark)).toEqual([]);
});

withNats('finds what a supervisor left behind that was killed, by its mark, and ends it first', async () => {
  const port = await stablePort();
  const code = `
    const { supervise } = await import('${import.meta.dirname}/supervisor.ts');
    const { natsUnit } = await import('${import.meta.dirname}/units.ts');
    const supervisor = supervise([natsUnit({ folder: '${folder}', mark: '${mark}' }, ${port})], { mark: '${mark}' });
    await supervisor.ready;
    console.log(supervisor.states()[0].pid);`;
  const elsewhere = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  others.push(elsewhere);
  const [line] = await once(createInterface({ input: elsewhere.stdout }), 'line');
  const orphan = Number(line);
  elsewhere.kill('SIGKILL');
  await once(elsewhere, 'exit');
  expect(marked(mark)).toEqual([orphan]);
  expect(await answersPing(port)).toBe(true);

  const { ready, states } = start([natsUnit({ folder, mark }, port)]);
  await ready;
  expect(states()[0]?.pid).not.toBe(orphan);
  expect(marked(mark)).toEqual([states()[0]?.pid]);
});

it('refuses a foreign PostgreSQL that does not answer, without showing its password', async () => {
  const url = `postgres://souk:secret@127.0.0.1:${await stablePort()}/souk`;
  const { ready } = start([foreignPostgresUnit(url)]);
  const refusal = await ready.catch((error: unknown) => (error as Error).message);
  expect(refusal).toContain(`The PostgreSQL at ${hidePassword(url)} does not answer`);
  expect(refusal).not.toContain('secret');
});
