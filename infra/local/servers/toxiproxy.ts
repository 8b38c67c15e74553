// The real toxiproxy, a proxy for TCP that does harm on request, on loopback:
//
//   toxiproxy-server on the PATH? else in the cache? else built with Go into the cache ─► started ─► it tells its version
//
// It knows nothing when it starts: whoever starts it tells it what to pass on where (toxiproxy-client.ts).

import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { StartRefused } from '../data-dir.ts';
import { cached, ensureCached } from './cache.ts';
import { isFree, stablePort } from './ports.ts';
import { onPath, type Progress, run } from './run.ts';
import { type Running, startServer } from './server-process.ts';
import { type ToxiproxyClient, toxiproxyClient } from './toxiproxy-client.ts';

/** What is built where there is Go. */
export const TOXIPROXY_VERSION = '2.5.0';
const PROGRAM = 'toxiproxy-server';
const MODULE = 'github.com/Shopify/toxiproxy/v2';
const BUILDING = `building toxiproxy ${TOXIPROXY_VERSION} with Go, which takes half a minute`;
const HOST = '127.0.0.1';

export type Toxiproxy = Running & { readonly pid: number; readonly port: number; readonly client: ToxiproxyClient };

export type ToxiproxyOptions = {
  /** The log lies in it. */
  readonly folder: string;
  readonly mark: string;
  /** Where it takes orders; default: a free one. */
  readonly port?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Where toxiproxy is, if it is anywhere. */
export function findToxiproxy(): string | undefined {
  return onPath(PROGRAM) ?? (existsSync(built()) ? built() : undefined);
}

/**
 * Sees to it that there is a toxiproxy, building it where there is Go.
 * @throws StartRefused with what to install
 */
export async function ensureToxiproxy(progress: Progress = () => {}): Promise<string> {
  const found = findToxiproxy();
  if (found !== undefined) return found;
  const go = onPath('go');
  if (go === undefined) throw new StartRefused(missingToxiproxy());
  progress(BUILDING);
  try {
    await ensureCached(cached(`toxiproxy-${TOXIPROXY_VERSION}`), (draft) => build(go, draft, progress));
  } catch (error) {
    throw new StartRefused(`toxiproxy could not be built: ${(error as Error).message}\n${missingToxiproxy()}`, {
      cause: error,
    });
  }
  return built();
}

/** What to do without one, as a sentence. */
export const missingToxiproxy = (): string =>
  `There is no ${PROGRAM} on this machine: none on the PATH, none built from its Go module. Install Go (https://go.dev/dl) ` +
  'and run "node infra/local/servers/fetch.ts toxiproxy", or install toxiproxy (macOS: brew install toxiproxy), then start again.';

/**
 * Starts the proxy; it must be there (`ensureToxiproxy`).
 * @throws StartRefused when there is none, Error with the end of the log when it does not start
 */
export async function startToxiproxy({ folder, mark, port: wanted, signal }: ToxiproxyOptions): Promise<Toxiproxy> {
  const command = findToxiproxy();
  if (command === undefined) throw new StartRefused(missingToxiproxy());
  const port = wanted ?? (await stablePort());
  // It could not be told from another one that answers there.
  if (!(await isFree(port))) throw new Error(`toxiproxy cannot have port ${port}: somebody else listens on it.`);
  const client = toxiproxyClient(`http://${HOST}:${port}`);
  const running = await startServer({
    name: 'toxiproxy',
    command,
    args: ['-host', HOST, '-port', String(port)],
    logFile: join(folder, 'toxiproxy.log'),
    isReady: async () => (await client.version()) !== '',
    mark,
    signal,
  });
  return { ...running, port, client };
}

function built(): string {
  return cached(`toxiproxy-${TOXIPROXY_VERSION}`, PROGRAM);
}

async function build(go: string, folder: string, progress: Progress): Promise<void> {
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod', CGO_ENABLED: '0' };
  let packages = 0;
  const onLine = () => progress(BUILDING, `${++packages} packages so far`);
  const flags = ['-v', '-ldflags', `-X ${MODULE}.Version=${TOXIPROXY_VERSION}`];
  await run(go, ['install', ...flags, `${MODULE}/cmd/server@v${TOXIPROXY_VERSION}`], { env, onLine });
  renameSync(join(folder, 'server'), join(folder, PROGRAM));
}
