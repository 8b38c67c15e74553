// Runs the load generator as a child process and reads its one line.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Load {
  readonly url: string;
  readonly clients: number;
  readonly seconds: number;
  readonly body: object;
}

export interface Generated {
  /** Answers by HTTP status; 0: the connection broke. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly tookMs: number;
  /** When the last answer came, ms since 1970. */
  readonly endedAt: number;
  readonly cpuMs: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

const PROGRAM = fileURLToPath(new URL('generator.ts', import.meta.url));

/** Sends the load and tells what came back. */
export async function generate({ url, clients, seconds, body }: Load): Promise<Generated> {
  const child = spawn(process.execPath, [PROGRAM, url, String(clients), String(seconds), JSON.stringify(body)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(text) as Generated;
}
