// Goal: several listeners on a port are one server to those outside: one bound of connections, one port that nobody else has,
// one end.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { expect, it } from '@jest/globals';
import { listen } from './listeners.ts';

const where = { host: '127.0.0.1', port: 0, backlog: 100, connectionsMax: 100 };
const answering = () => createServer((_, response) => void response.end());

it('closes what is beyond its bound at once, whichever listener took it, and takes others when there is room', async () => {
  const server = answering();
  const listeners = await listen(server, { ...where, connectionsMax: 20 });
  let taken = 0;
  const full = new Promise<void>((resolve) => server.on('connection', () => ++taken === 20 && resolve()));
  const open = () => {
    const socket = connect(listeners.port, '127.0.0.1').on('error', () => {});
    return { socket, closed: once(socket, 'close') };
  };
  const first = Array.from({ length: 20 }, open);
  await full;
  const beyond = Array.from({ length: 10 }, open);
  await Promise.all(beyond.map(({ closed }) => closed));
  expect(first.every(({ socket }) => !socket.destroyed)).toBe(true);
  for (const { socket } of first) socket.destroy();
  await Promise.all(first.map(({ closed }) => closed));
  for (;;) {
    const { socket, closed } = open();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const answered = once(socket, 'data').then(([bytes]) => String(bytes));
    const answer = await Promise.race([answered, closed.then(() => undefined)]);
    socket.destroy();
    if (answer === undefined) continue;
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    break;
  }
  await listeners.close();
});

it('lets nobody else have its port', async () => {
  const listeners = await listen(answering(), where);
  await expect(listen(answering(), { ...where, port: listeners.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await listeners.close();
});
