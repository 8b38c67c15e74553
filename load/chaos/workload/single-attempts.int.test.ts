// Goal: a client that stood still itself does not blame the shop for an answer that has been there all the time.
// Method: a server in another process, and a client whose process does nothing until its time is over.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createWire } from './single-attempts.ts';

const WITHIN_MS = 300;
const child = fork(new URL('../../../services/api/waiting-server.fixture.ts', import.meta.url));
let url: string;
beforeAll(async () => {
  const [port] = (await once(child, 'message')) as [number];
  url = `http://127.0.0.1:${port}`;
});
afterAll(() => void child.kill('SIGKILL'));

it('takes an answer that has arrived while this process stood still', async () => {
  const wire = createWire(url, WITHIN_MS);
  const get = () => wire.send({ method: 'GET', path: '/', headers: {} });
  expect(await get()).toMatchObject({ status: 200 });
  const reply = get();
  // On a connection that is open, the request is on its way by now.
  await new Promise(setImmediate);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * WITHIN_MS);
  expect(await reply).toMatchObject({ status: 200 });
  wire.close();
});

it('gives up where there is none', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const wire = createWire(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, WITHIN_MS);
  expect(await wire.send({ method: 'GET', path: '/', headers: {} })).toEqual({
    error: `no answer within ${WITHIN_MS} ms`,
  });
  wire.close();
  server.closeAllConnections();
  server.close();
});
