// Fetches the servers of the cluster into the cache, once: `node infra/local/servers/fetch.ts [nats] [kafka] …`.
//
// What is there is left as it is; what was cut short goes on where it was. Exit status 1 if anything is missing at the end.

import { StartRefused } from '../data-dir.ts';
import { createTerminal } from '../terminal.ts';
import { sweepDrafts } from './cache.ts';
import { ensureChaosMesh } from './chaos-mesh.ts';
import { dynamoServer, ensureDynamo } from './dynamodb-local.ts';
import { ensureKafka, kafkaServer, preparationMark } from './kafka.ts';
import { ensureNats } from './nats.ts';
import { endMarked } from './orphans.ts';
import type { Progress } from './run.ts';
import { ensureToxiproxy } from './toxiproxy.ts';

type Fetch = (progress: Progress) => Promise<unknown>;
const servers: Readonly<Record<string, Fetch>> = {
  nats: ensureNats,
  kafka: ensureKafka,
  dynamodb: ensureDynamo,
  toxiproxy: ensureToxiproxy,
  'chaos-mesh': ensureChaosMesh,
};

const terminal = createTerminal(process.stdout);
/** How far a step is stands behind it, on a terminal; elsewhere each step is one line. */
function show(step: string, detail?: string): void {
  if (detail === undefined) terminal.step(step);
  else if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2K  … ${step}: ${detail}`);
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(servers, name));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')} to fetch; there are ${Object.keys(servers).join(', ')}.`);
  process.exit(1);
}
// Maven and Go are in our group and hear Ctrl-C themselves; a Kafka that is being prepared does not.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => void endMarked(preparationMark).finally(() => process.exit(130)));
}

sweepDrafts();
for (const { home } of [kafkaServer, dynamoServer]) sweepDrafts(home);
const began = performance.now();
const failures: string[] = [];
for (const [name, fetchServer] of Object.entries(servers)) {
  if (names.length > 0 && !names.includes(name)) continue;
  try {
    await fetchServer(show);
  } catch (error) {
    if (!(error instanceof StartRefused)) throw error;
    failures.push(error.message);
  }
}
const seconds = ((performance.now() - began) / 1_000).toFixed(1);
if (failures.length === 0) terminal.done(`The servers of the cluster are there (${seconds} s).`);
else {
  terminal.done(`Not all servers of the cluster are there (${seconds} s):`);
  for (const failure of failures) console.error(`  ${failure}`);
  process.exitCode = 1;
}
