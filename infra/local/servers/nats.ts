// The real NATS server, on loopback:
//
//   nats-server on the PATH? else in the cache? else built with Go into the cache? else the distribution's ─► started ─► PONG
//
// Who has the password may call everything, as anybody: it stands in a file of mode 600, never on a command line.
// It keeps nothing: RPC is at most once, so a restart is as good as new.

import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StartRefused, writeDurably } from '../data-dir.ts';
import { cached, ensureCached } from './cache.ts';
import { stablePort } from './ports.ts';
import { onPath, type Progress, run } from './run.ts';
import { type Running, startServer } from './server-process.ts';

/** What is built where there is Go; a server found on the machine may be older. */
export const NATS_VERSION = '2.15.2';
const BUILDING = `building nats-server ${NATS_VERSION} with Go, which takes a minute or two`;
const MODULE = 'github.com/nats-io/nats-server/v2';
/** Debian puts it where ordinary users have no PATH to. */
const DISTRIBUTION = '/usr/sbin/nats-server';
/** What no flag can say; the compose file takes it as well. */
const SETTINGS = join(import.meta.dirname, 'nats.conf');
const HOST = '127.0.0.1';
/** Who signs in; the password tells whether he may. */
const USER = 'souk';
const ANSWER_MS = 1_000;

export type Nats = Running & { readonly pid: number; readonly port: number; readonly url: string };

export type NatsOptions = {
  /** The log lies in it. */
  readonly folder: string;
  readonly mark: string;
  /** To come back on the same one; default: a free one. */
  readonly port?: number | undefined;
  /** Demanded of every client; default: none, and whoever reaches the port may do everything. */
  readonly password?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Where nats-server is, if it is anywhere. */
export function findNats(): string | undefined {
  return onPath('nats-server') ?? [builtNats(), DISTRIBUTION].find((path) => existsSync(path));
}

/**
 * Sees to it that there is a nats-server, building it where there is Go.
 * @throws StartRefused with what to install
 */
export async function ensureNats(progress: Progress = () => {}): Promise<string> {
  const found = onPath('nats-server') ?? (existsSync(builtNats()) ? builtNats() : undefined);
  if (found !== undefined) return found;
  const go = onPath('go');
  if (go === undefined) {
    if (existsSync(DISTRIBUTION)) return DISTRIBUTION;
    throw new StartRefused(missingNats());
  }
  progress(BUILDING);
  try {
    await ensureCached(cached(`nats-${NATS_VERSION}`), (draft) => build(go, draft, progress));
  } catch (error) {
    if (existsSync(DISTRIBUTION)) return DISTRIBUTION;
    throw new StartRefused(`nats-server could not be built: ${(error as Error).message}\n${missingNats()}`, {
      cause: error,
    });
  }
  return builtNats();
}

/** What to do without one, as a sentence. */
export const missingNats = (): string =>
  `There is no nats-server on this machine: none on the PATH, none at ${DISTRIBUTION}, none built from its Go module. ` +
  'Install Go (https://go.dev/dl) and it is built for you, or install nats-server ' +
  '(Debian: apt-get install nats-server, macOS: brew install nats-server), then start again.';

/**
 * Starts the server; it must be there (`ensureNats`).
 * @throws StartRefused when there is none, Error with the end of the log when it does not start
 */
export async function startNats({ folder, mark, port: wanted, password, signal }: NatsOptions): Promise<Nats> {
  const command = findNats();
  if (command === undefined) throw new StartRefused(missingNats());
  const port = wanted ?? (await stablePort());
  // By its name it is told from another server that has taken the port.
  const name = `souk-${randomUUID()}`;
  const running = await startServer({
    name: 'NATS',
    command,
    args: [
      '--config',
      password === undefined ? SETTINGS : settingsWith(password, folder),
      '--addr',
      HOST,
      '--port',
      String(port),
      '--name',
      name,
    ],
    logFile: join(folder, 'nats.log'),
    isReady: () => answersPing(port, name, password),
    mark,
    signal,
  });
  return { ...running, port, url: natsUrl(port, password) };
}

/** Where clients find the server; with a password the address is a secret. */
export const natsUrl = (port: number, password?: string): string =>
  `nats://${password === undefined ? '' : `${USER}:${encodeURIComponent(password)}@`}${HOST}:${port}`;

/** Writes the settings and who may connect into the folder; returns the file, which its owner alone may read. */
function settingsWith(password: string, folder: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'nats.conf');
  const authorization = `authorization { user: ${USER}, password: ${JSON.stringify(password)} }\n`;
  writeDurably(file, readFileSync(SETTINGS, 'utf8') + authorization, 0o600);
  return file;
}

/** Whether a NATS server on loopback answers who signs in, the one of this name if one is given; never rejects. */
export function answersPing(port: number, name = '', password?: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const signIn = { verbose: false, ...(password === undefined ? {} : { user: USER, pass: password }) };
  const socket = connect(port, HOST, () => socket.write(`CONNECT ${JSON.stringify(signIn)}\r\nPING\r\n`));
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
    // It introduces itself before it answers: INFO {"server_name":"…",…}
    if (heard.includes('PONG\r\n')) resolve(heard.includes(name));
  });
  socket.on('error', () => resolve(false)).on('close', () => resolve(false));
  void delay(ANSWER_MS, undefined, { ref: false }).then(() => resolve(false));
  return promise.finally(() => socket.destroy());
}

function builtNats(): string {
  return cached(`nats-${NATS_VERSION}`, 'nats-server');
}

async function build(go: string, folder: string, progress: Progress): Promise<void> {
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  let packages = 0;
  const onLine = () => progress(BUILDING, `${++packages} packages so far`);
  await run(go, ['install', '-v', `${MODULE}@v${NATS_VERSION}`], { env, onLine });
}
