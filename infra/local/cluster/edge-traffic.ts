// What passes on the connections that come in at a port of this machine, as the kernel counts it: `ss -tinHO sport = :20001`.
// Only Linux tells; elsewhere nothing is known.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { systemTools } from '../servers/network-namespace.ts';

const execute = promisify(execFile);
const ASK_MS = 5_000;
const OUTPUT_MAX_BYTES = 4_194_304;

/** Bytes of each open connection, by its other end, since it was opened. */
export type Connections = ReadonlyMap<string, { readonly in: number; readonly out: number }>;

export interface Passed {
  /** Open at the end. */
  readonly connections: number;
  /** Bytes from the callers. */
  readonly in: number;
  /** Bytes to the callers. */
  readonly out: number;
}

/** Connections that came in at these ports of loopback; undefined where the system does not tell. Never rejects. */
export async function connectionsAt(ports: readonly number[]): Promise<Connections | undefined> {
  if (process.platform !== 'linux') return undefined;
  const filter = ports.map((port) => `sport = :${port}`).join(' or ');
  try {
    const options = { env: systemTools(), timeout: ASK_MS, maxBuffer: OUTPUT_MAX_BYTES };
    return connectionsIn((await execute('ss', ['-tinHO', 'state', 'established', `( ${filter} )`], options)).stdout);
  } catch {
    return undefined;
  }
}

/** Reads what `ss` says: one connection a line. */
export function connectionsIn(text: string): Connections {
  const found = new Map<string, { in: number; out: number }>();
  for (const line of text.split('\n')) {
    const [, local, peer] = /(\S+:\d+)\s+(\S+:\d+)/.exec(line) ?? [];
    if (local === undefined || peer === undefined) continue;
    const count = (name: string) => Number(new RegExp(`\\b${name}:(\\d+)`).exec(line)?.[1] ?? 0);
    found.set(`${peer} ${local}`, { in: count('bytes_received'), out: count('bytes_acked') || count('bytes_sent') });
  }
  return found;
}

/** What passed between two looks, on connections that are still open. */
export function passedBetween(before: Connections, after: Connections): Passed {
  const passed = { connections: after.size, in: 0, out: 0 };
  for (const [name, now] of after) {
    const then = before.get(name) ?? { in: 0, out: 0 };
    passed.in += Math.max(0, now.in - then.in);
    passed.out += Math.max(0, now.out - then.out);
  }
  return passed;
}
