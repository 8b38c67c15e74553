// `npm run cluster`: the cluster of production on this machine. Shows what starts, then the address and what to try;
// one Ctrl-C drains and stops everything.
//
//   npm run cluster -- --nodes orders=3,api=2 --kafka 3

import { parseArgs } from 'node:util';
import { UnpreparedDatabase } from '../../mixins/postgres/database.ts';
import { BadSetting, readSettings, unknownSettings } from '../../mixins/settings.ts';
import { unusedSettings } from '../../mixins/unused-settings.ts';
import { type Cluster, startCluster } from './cluster/cluster.ts';
import { planNodes } from './cluster/plan.ts';
import { StartRefused } from './data-dir.ts';
import type { Change } from './servers/supervisor.ts';
import { createTerminal, withUsage } from './terminal.ts';

const USAGE =
  'Usage: npm run cluster -- [--nodes SERVICE=NUMBER,…] [--kafka 1|3], as in npm run cluster -- --nodes orders=3,api=2 --kafka 3';
/** Longer than the supervisor itself takes. */
const STOP_MAX_MS = 25_000;

const terminal = createTerminal(process.stdout);
const startedAt = performance.now();
const stopped = new AbortController();
const down = new Set<string>();
let starting: Promise<Cluster> | undefined;

async function end(reason: string, code: number): Promise<void> {
  // Ctrl-C reaches the whole process group, often twice: the second one changes nothing.
  if (stopped.signal.aborted) return;
  terminal.step(`${reason}: finishing what is under way`);
  setTimeout(() => process.exit(code), STOP_MAX_MS).unref();
  stopped.abort(new StartRefused('It was stopped.'));
  await starting?.then(
    (cluster) => cluster.stop(),
    () => {},
  );
  terminal.done('Stopped. Everything is in the data folder; npm run cluster goes on from here.');
  process.exit(code);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(signal, 0));

try {
  const options = {
    nodes: { type: 'string', default: '' },
    kafka: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  } as const;
  const values = withUsage(USAGE, () => parseArgs({ options }).values);
  if (values.kafka !== '1' && values.kafka !== '3')
    throw new StartRefused(`--kafka ${values.kafka}: Kafka can have 1 node, or 3 of which one may be lost.`);
  for (const hint of [...unknownSettings(process.env), ...unusedSettings(process.env, 'cluster')]) terminal.step(hint);
  starting = startCluster({
    settings: readSettings(process.env),
    nodes: planNodes(values.nodes),
    kafkaNodes: values.kafka === '1' ? 1 : 3,
    progress: terminal.step,
    onGiveUp: (message) => void end(message, 1),
    onChange: tell,
    signal: stopped.signal,
  });
  const cluster = await starting;
  if (!stopped.signal.aborted) terminal.welcome(cluster, performance.now() - startedAt);
} catch (error) {
  if (stopped.signal.aborted) await new Promise(() => {}); // `end` has the last word
  terminal.fail((error as Error).message);
  if (!isPlain(error)) console.error(error);
  process.exit(1);
}

/** What the supervisor does about units that died. */
function tell({ name, state, reason, pid }: Change): void {
  if (state === 'restarting') {
    down.add(name);
    terminal.step(`${name} ${reason}; it is started again`);
  } else if (state === 'ready' && down.delete(name)) terminal.step(`${name} is back (process ${pid})`);
}

/** Its message says all there is to know. */
function isPlain(error: unknown): boolean {
  if ([StartRefused, BadSetting, UnpreparedDatabase].some((kind) => error instanceof kind)) return true;
  return (error as Error).message.includes('. The end of ');
}
