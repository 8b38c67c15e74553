// The load generator, a program of its own so that it shares nothing with the shop but the machine:
//
//   node load/bench/generator.ts URL CLIENTS SECONDS BODY      each client sends its next request when it has its answer
//
// Prints one JSON line: answers by status, latencies in milliseconds, and when the last answer came.

import { Agent, request } from 'node:http';

const [url = '', clients = '1', seconds = '1', body = '{}'] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(url);
const agent = new Agent({ keepAlive: true, maxSockets: Number(clients) });
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };

const statuses: Record<string, number> = {};
const latencies: number[] = [];

function once(): Promise<number> {
  return new Promise((resolve) => {
    const call = request({ hostname, port, path: pathname, method: 'POST', headers, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('error', () => resolve(0));
    call.end(body);
  });
}

const startedAt = performance.now();
const end = startedAt + Number(seconds) * 1_000;

async function client(): Promise<void> {
  while (performance.now() < end) {
    const sentAt = performance.now();
    const status = await once();
    latencies.push(performance.now() - sentAt);
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
}

await Promise.all(Array.from({ length: Number(clients) }, client));
const tookMs = performance.now() - startedAt;
agent.destroy();

latencies.sort((a, b) => a - b);
const quantile = (share: number) =>
  Number((latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0).toFixed(2));
const { user, system } = process.cpuUsage();
console.log(
  JSON.stringify({
    statuses,
    tookMs: Math.round(tookMs),
    endedAt: Date.now(),
    cpuMs: Math.round((user + system) / 1_000),
    latencyMs: { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
  }),
);
