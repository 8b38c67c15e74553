// A node of the cluster as a unit of the supervisor: infra/node/node.ts as a process of its own, with the environment that
// a container would give it.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { letWait } from '../niceness.ts';
import type { Door } from '../../../mixins/platform.ts';
import { type Running, startServer } from '../servers/server-process.ts';
import type { Unit } from '../servers/supervisor.ts';
import type { NodePlan } from './plan.ts';

const PROGRAM = fileURLToPath(new URL('../../node/node.ts', import.meta.url));
/** Compiled code of all nodes: each starts a third faster. */
const COMPILE_CACHE = fileURLToPath(new URL('../../../.cache/compile', import.meta.url));
/** Small heaps that grow by half: a machine holds a dozen of them. */
const MEMORY = ['--max-semi-space-size=8', '--heap-growing-percent=50'];
/** Starts of a node before its cluster gives up. */
const ATTEMPTS_MAX = 3;
/** Requests under way are answered first; see STOP_MAX_MS of the node. */
const STOP_MS = 10_000;

export interface NodeUnitOptions {
  readonly node: NodePlan;
  /** Everything its settings are read from. */
  readonly environment: () => Readonly<Record<string, string>>;
  readonly after: readonly string[];
  /** Where its output goes. */
  readonly folder: string;
  readonly mark: string;
  /** The port that all gateways share. */
  readonly door: Door | undefined;
  /** The program, asked for at each start; undefined: that of this checkout. */
  readonly program?: () => string | undefined;
}

/** A unit that is ready when the node has said so. */
export function nodeUnit({ node, environment, after, folder, mark, door, program }: NodeUnitOptions): Unit {
  return {
    name: node.id,
    after,
    async start(signal) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await startOnce(signal);
        } catch (error) {
          // What it needs may be slower to come than it: it is started again, as it would be by any other supervisor.
          if (attempt === ATTEMPTS_MAX || signal.aborted) throw error;
        }
      }
    },
  };

  function startOnce(signal: AbortSignal): Promise<Running> {
    let ready = false;
    return startServer({
      name: `The node ${node.id}`,
      command: process.execPath,
      args: [...MEMORY, program?.() ?? PROGRAM, ...(door === undefined ? [] : ['--door'])],
      env: { ...environment(), NODE_COMPILE_CACHE: COMPILE_CACHE, NODE_ID: node.id, SERVICES: node.service },
      logFile: join(folder, `${node.id}.out`),
      isReady: async () => ready,
      mark,
      signal,
      stopMs: STOP_MS,
      ipc: true,
      onSpawn(child) {
        // A gateway refuses what is too much for the others: it must not wait behind them.
        if (node.service !== 'api') letWait(child);
        listen(child, door, () => (ready = true));
      },
    });
  }
}

function listen(child: ChildProcess, door: Door | undefined, onReady: () => void): void {
  child.on('error', () => {}); // that it cannot be run is told by its end
  child.on('message', (said: { readonly ready?: true; readonly wants?: 'door' }) => {
    if (said.wants === 'door' && door !== undefined) child.send('door', door as never);
    if (said.ready === true) onReady();
  });
  child.channel?.unref();
}
