// Programs beside the shop: ready, killed, given up, stopped, and never outliving their parent.
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Child, type ChildOptions, freePort, startChild } from './processes.ts';

jest.setTimeout(60_000);

const processes = `${import.meta.dirname}/processes.ts`;
/** Answers every request with its process id. */
const server = `
  const { createServer } = await import('node:http');
  const { announceReady } = await import('${processes}');
  const server = createServer((_, answer) => answer.end(String(process.pid)));
  server.listen(Number(process.argv[1]), '127.0.0.1', () => announceReady(server.address().port));
  console.log('listening', process.env.GREETING);`;

let children: Child[];
let parents: ChildProcess[];
let lines: string[];

const program = (code: string) => ({
  name: 'the server',
  args: (port: number) => ['--input-type=module', '-e', code, String(port)],
});
const childOf = (code: string) => JSON.stringify({ name: 'it', args: program(code).args(0) });
const start = async (options: Partial<ChildOptions> = {}) => {
  const child = await startChild({ ...program(server), log: (line) => lines.push(line), ...options });
  children.push(child);
  return child;
};
const answer = async (port: number) => Number(await (await fetch(`http://127.0.0.1:${port}`)).text());

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await isTrue()); await delay(10)) {
    if (Date.now() > deadline) throw new Error('waited for too long');
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

beforeEach(() => {
  children = [];
  parents = [];
  lines = [];
});

afterEach(async () => {
  await Promise.all(children.map((child) => child.stop()));
  for (const parent of parents) parent.kill('SIGKILL');
});

it('finds a port that is free', async () => {
  const port = await freePort();
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow('fetch failed');
});

it('is ready with its port, hears its environment, and its output is passed on', async () => {
  const child = await start({ env: { GREETING: 'hello' } });
  expect(await answer(child.port)).toBe(child.pid);
  await until(() => lines.includes('listening hello'));
});

it('starts a child that was killed again, on the same port, as often as it takes', async () => {
  let restarted = () => {};
  const child = await start({ onRestart: () => restarted(), pauseMaxMs: 10 });
  for (let round = 0; round < 5; round++) {
    const pid = child.pid as number;
    const again = new Promise<void>((resolve) => (restarted = resolve));
    process.kill(pid, 'SIGKILL');
    await again;
    expect(child.pid).not.toBe(pid);
    expect(await answer(child.port)).toBe(child.pid);
  }
  expect(lines).toContain('the server was ended by SIGKILL; starting it again');
});

it('leaves a child alone that keeps failing, and says so', async () => {
  const onlyOnce = `if (process.argv[1] !== '0') process.exit(3); ${server}`;
  let onGiveUp: (message: string) => void = () => {};
  const gaveUp = new Promise<string>((resolve) => (onGiveUp = resolve));
  const child = await start({ ...program(onlyOnce), onGiveUp, pauseMaxMs: 10 });
  process.kill(child.pid as number, 'SIGKILL');
  expect(await gaveUp).toBe('the server ended with status 3 and failed 10 times in a row; it is not started again');
});

it('takes coming back on another port for a failure', async () => {
  let onGiveUp: (message: string) => void = () => {};
  const gaveUp = new Promise<string>((resolve) => (onGiveUp = resolve));
  const child = await start({ args: program(server).args(0), onGiveUp, pauseMaxMs: 10 });
  process.kill(child.pid as number, 'SIGKILL');
  // Of the free ports it may get the same one again by chance.
  const taken = createServer();
  const take = () => taken.listen(child.port, '127.0.0.1');
  taken.on('error', () => setImmediate(take));
  take();
  expect(await gaveUp).toContain('failed 10 times in a row');
  taken.close();
});

it('tells why the first start failed', async () => {
  await expect(start(program(`console.error('no such ledger'); process.exitCode = 2`))).rejects.toThrow(
    'the server ended with status 2: no such ledger',
  );
  await expect(start({ command: '/nowhere/node' })).rejects.toThrow(
    'the server cannot be run (spawn /nowhere/node ENOENT)',
  );
});

it('stops a child, and one that does not want to', async () => {
  const stubborn = `${server}; process.on('SIGTERM', () => {});`;
  for (const code of [server, stubborn]) {
    const child = await start(program(code));
    const pid = child.pid as number;
    await Promise.all([child.stop(), child.stop()]);
    expect(isAlive(pid)).toBe(false);
    expect(child.pid).toBeUndefined();
  }
  expect(lines.filter((line) => line.includes('starting it again'))).toEqual([]);
});

it.each([
  ['as a matter of course', server],
  ['also when it ignores SIGTERM', `${server}; process.on('SIGTERM', () => {});`],
])('ends with its parent, however that ended, %s', async (_, code) => {
  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `const { startChild } = await import('${processes}');
       const child = await startChild(${childOf(code)});
       console.log(child.pid); setInterval(() => {}, 1e6);`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  parents.push(parent);
  const pid = Number(String(await once(parent.stdout, 'data')));
  expect(isAlive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await until(() => !isAlive(pid));
});

it('does not keep its parent alive', async () => {
  const code = `const { startChild } = await import('${processes}'); await startChild(${childOf(server)});`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  parents.push(parent);
  expect(await once(parent, 'exit')).toEqual([0, null]);
});
