// Runs inside a network namespace, started by dynamodb-local.ts: starts the server there, and passes to it what comes in
// through the door, a listening socket that was opened outside. Ends with the server, and the server with it.
//
//   node dynamodb-relay.ts <port in here> <program> <its arguments…>

import { spawn, spawnSync } from 'node:child_process';
import { connect, type Server, type Socket } from 'node:net';
import { LOOPBACK_UP, systemTools } from './network-namespace.ts';

const [port, program, ...args] = process.argv.slice(2);
if (port === undefined || program === undefined) throw new Error('A port and a program were expected.');

const [ip, ...words] = LOOPBACK_UP;
const up = spawnSync(ip, words, { encoding: 'utf8', env: systemTools() });
if (up.status !== 0) throw new Error(`The loopback of the namespace stays down: ${up.error?.message ?? up.stderr}`);

const server = spawn(program, args, { stdio: 'inherit' });
server.once('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.once('exit', (code) => process.exit(code ?? 1));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => server.kill(signal));

process.once('message', (_: unknown, door: Server) => {
  door.on('connection', pass);
  process.disconnect();
});

/** Both directions, ends and breaks included. Before the server listens, the connection is refused as it would be by it. */
function pass(outside: Socket): void {
  const inside = connect({ port: Number(port), host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  outside.setNoDelay(true);
  outside.allowHalfOpen = true;
  outside.pipe(inside).pipe(outside);
  outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
  inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
}
