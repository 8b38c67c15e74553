// The control plane of Kubernetes on loopback: etcd and the API server, and no machine that could run a pod. Enough to ask it
// what it thinks of a manifest.
//
//   KUBE_TOOLS/*.xz ─(sums)─► .cache/servers/kubernetes-<sum>/ ─► etcd ─► kube-apiserver ─► POST … ─► { status, said }

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cached, ensureCached } from '../../../infra/local/servers/cache.ts';
import { stablePorts } from '../../../infra/local/servers/ports.ts';
import { onPath } from '../../../infra/local/servers/run.ts';
import { startServer } from '../../../infra/local/servers/server-process.ts';

const TOOLS =
  process.env['KUBE_TOOLS'] ?? fileURLToPath(new URL('../../../../shared/tools/kubernetes', import.meta.url));
const PROGRAMS = ['etcd', 'kube-apiserver'] as const;
const HOST = '127.0.0.1';
const ANSWER_MS = 10_000;

export interface ControlPlane {
  /** Sends a document to a path of the API. */
  post(path: string, document: string | object): Promise<Told>;
  get(path: string): Promise<Told>;
  stop(): Promise<void>;
}

/** What the server told. */
export interface Told {
  readonly status: number;
  /** Its words: the `message` of a refusal, else the whole answer. */
  readonly said: string;
}

/** Why there can be no control plane here, as a sentence; undefined: there can. */
export function missingControlPlane(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'The programs of Kubernetes are for Linux on x64.';
  const absent = [...PROGRAMS.map((name) => `${name}.xz`), 'SHA256SUMS'].filter(
    (file) => !existsSync(join(TOOLS, file)),
  );
  if (absent.length > 0) return `There is no ${absent.join(', ')} in ${TOOLS} (KUBE_TOOLS).`;
  if (onPath('xz') === undefined) return 'There is no xz on the PATH, to unpack the programs of Kubernetes with.';
  return undefined;
}

/**
 * Starts a control plane whose data lie in the folder; it takes about ten seconds.
 * @param mark by which its processes are found should they outlive us
 */
export async function startControlPlane(folder: string, mark: string): Promise<ControlPlane> {
  const programs = await unpack();
  const [clients = 0, peers = 0, api = 0] = await stablePorts(3);
  const token = randomBytes(16).toString('hex');
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = write('accounts.key', privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
  const tokens = write('tokens.csv', `${token},tester,tester,system:masters\n`);

  const etcd = await startServer({
    name: 'etcd',
    command: join(programs, 'etcd'),
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=http://${HOST}:${clients}`,
      `--advertise-client-urls=http://${HOST}:${clients}`,
      `--listen-peer-urls=http://${HOST}:${peers}`,
      `--initial-advertise-peer-urls=http://${HOST}:${peers}`,
      `--initial-cluster=default=http://${HOST}:${peers}`,
      '--unsafe-no-fsync',
    ],
    logFile: join(folder, 'etcd.log'),
    isReady: async () => (await fetch(`http://${HOST}:${clients}/readyz`)).ok,
    mark,
  });
  const certificates = join(folder, 'certificates');
  const ask = (method: 'GET' | 'POST', path: string, document?: string | object) =>
    tell({ port: api, ca: readFileSync(join(certificates, 'apiserver.crt')), token }, method, path, document);
  try {
    const server = await startServer({
      name: 'kube-apiserver',
      command: join(programs, 'kube-apiserver'),
      args: [
        `--etcd-servers=http://${HOST}:${clients}`,
        `--bind-address=${HOST}`,
        `--advertise-address=${HOST}`, // else it asks the machine, which may have no other
        `--secure-port=${api}`,
        `--cert-dir=${certificates}`,
        '--endpoint-reconciler-type=none',
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-key-file=${key}`,
        `--service-account-signing-key-file=${key}`,
        `--token-auth-file=${tokens}`,
        '--authorization-mode=RBAC',
        '--disable-admission-plugins=ServiceAccount',
        '--service-cluster-ip-range=10.0.0.0/24',
      ],
      logFile: join(folder, 'kube-apiserver.log'),
      isReady: async () => (await ask('GET', '/readyz')).status === 200,
      mark,
    });
    const stop = async () => {
      await server.stop();
      await etcd.stop();
    };
    return { post: (path, document) => ask('POST', path, document), get: (path) => ask('GET', path), stop };
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

interface Server {
  readonly port: number;
  /** It signs for itself. */
  readonly ca: Buffer;
  readonly token: string;
}

function tell({ port, ca, token }: Server, method: string, path: string, document?: string | object): Promise<Told> {
  const headers = {
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    'content-type': typeof document === 'string' ? 'application/yaml' : 'application/json',
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: HOST, port, ca, method, path, headers, timeout: ANSWER_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const said = Buffer.concat(chunks).toString();
        const status = response.statusCode ?? 0;
        resolve({ status, said: status < 400 ? said : messageOf(said) });
      });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path} within ${ANSWER_MS} ms`)));
    asked.on('error', reject);
    asked.end(typeof document === 'string' ? document : JSON.stringify(document));
  });
}

function messageOf(said: string): string {
  try {
    return (JSON.parse(said) as { readonly message?: string }).message ?? said;
  } catch {
    return said;
  }
}

/** @returns the folder with the programs, which are what their sums say */
async function unpack(): Promise<string> {
  const sums = readFileSync(join(TOOLS, 'SHA256SUMS'), 'utf8');
  const home = cached(`kubernetes-${createHash('sha256').update(sums).digest('hex').slice(0, 8)}`);
  await ensureCached(home, async (draft) => {
    mkdirSync(draft);
    for (const name of PROGRAMS) {
      const expected = sums
        .split('\n')
        .find((line) => line.split(/\s+\*?/)[1] === name)
        ?.split(/\s/)[0];
      await unpackOne(join(TOOLS, `${name}.xz`), join(draft, name));
      const found = await sumOf(join(draft, name));
      if (found !== expected) throw new Error(`${name} in ${TOOLS} has the sum ${found}; SHA256SUMS says ${expected}.`);
    }
  });
  return home;
}

async function unpackOne(packed: string, to: string): Promise<void> {
  const file = openSync(to, 'w', 0o755);
  try {
    const child = spawn('xz', ['--decompress', '--stdout', packed], { stdio: ['ignore', file, 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`xz ended with ${code} at ${packed}`))));
    });
  } finally {
    closeSync(file);
  }
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
