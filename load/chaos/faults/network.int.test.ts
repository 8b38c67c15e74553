// Every fault of the network, over a plain echo behind a real toxiproxy: it happens, leaves its evidence, and is healed.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chanceOf } from '../../../actors/scheduler.simulation.ts';
import { greetings } from '../../../infra/local/cluster/edge-probe.ts';
import { type Edges, edgesOver, layEdges } from '../../../infra/local/cluster/edges.ts';
import { markOf } from '../../../infra/local/servers/orphans.ts';
import { stablePorts } from '../../../infra/local/servers/ports.ts';
import {
  findToxiproxy,
  missingToxiproxy,
  startToxiproxy,
  type Toxiproxy,
} from '../../../infra/local/servers/toxiproxy.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import {
  bandwidths,
  halfOpens,
  jitters,
  latencies,
  type NetworkFaultSource,
  oneWays,
  partitions,
  resets,
  slowCloses,
} from './network.ts';

const withToxiproxy = itWhere(findToxiproxy() !== undefined, missingToxiproxy(), 'fetched');

let folder: string;
let echo: Server;
let toxiproxy: Toxiproxy | undefined;
let edges: Edges;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'souk-network-'));
  echo = createServer({ noDelay: true }, (socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  if (findToxiproxy() === undefined) return;
  toxiproxy = await startToxiproxy({ folder, mark: markOf(folder) });
  const upstream = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
  const ports = (await stablePorts(3)) as [number, number, number];
  port = ports[0];
  const greeting = greetings.echo();
  const all = [
    { name: 'clients → echo', from: 'clients', to: 'echo', proxies: [{ port, upstream }], greeting },
    // Two servers at its end.
    {
      name: 'clients → log',
      from: 'clients',
      to: 'log',
      proxies: [
        { port: ports[1], upstream },
        { port: ports[2], upstream },
      ],
      greeting,
    },
  ];
  await layEdges(toxiproxy.client, all);
  edges = edgesOver(toxiproxy.client, all);
});

afterAll(async () => {
  await toxiproxy?.stop();
  echo.close();
  rmSync(folder, { recursive: true });
});

const world = () => ({ cluster: { edges }, say: () => {}, signal: new AbortController().signal });
const targetsOf = (source: NetworkFaultSource, seed = 1) => source(world(), chanceOf(seed));

/** Injects a fault into an edge and heals it; a connection of a caller is open all the while. */
async function sufferedFrom(source: NetworkFaultSource, target: string, seed: number) {
  const fault = targetsOf(source, seed).find((each) => each.target === target);
  if (fault === undefined) throw new Error(`nothing hits ${target}`);
  const caller = connect({ port, host: '127.0.0.1' }).on('error', () => {});
  await once(caller, 'connect');
  const injected = await fault.inject(world());
  caller.write('how are you?');
  await injected.heal();
  caller.destroy();
  return await injected.evidence([]);
}

const MS = String.raw`\d+(\.\d)? ms`;
/** Seeds that draw different directions. */
const DIRECTIONS = [1, 7];
const cases: readonly [string, NetworkFaultSource, string, number[]?][] = [
  ['latency', latencies, `a probe was answered after ${MS}, before it after ${MS}`],
  ['jitter', jitters, `8 probes were answered after ${MS} to ${MS}, before after ${MS} to ${MS}`],
  ['bandwidth', bandwidths, `a probe was answered after ${MS}, before it after ${MS}`],
  ['slow-close', slowCloses, `a probe that had ended was closed after ${MS}, before after ${MS}`],
  ['reset', resets, `a probe was reset after ${MS}, before it was answered after ${MS}`, DIRECTIONS],
  ['half-open', halfOpens, `a probe was let in and heard nothing for ${MS}, before it was answered after ${MS}`],
  [
    'one-way',
    oneWays,
    `a probe was let in and heard nothing for ${MS}, before it was answered after ${MS}`,
    DIRECTIONS,
  ],
  ['partition', partitions, `a probe was refused, before it was answered after ${MS}`],
];

for (const [kind, source, sentence, seeds = [1]] of cases) {
  withToxiproxy(`${kind} happens, is seen, and is healed`, async () => {
    const directions = new Set<string>();
    for (const seed of seeds) {
      const evidence = await sufferedFrom(source, 'clients → echo', seed);
      expect(evidence[0]).toMatch(new RegExp(`^clients → echo: ${sentence}$`));
      expect(evidence[1]).toMatch(
        kind === 'partition' ? /^its proxy says: disabled$/ : /^its proxy says: [a-z_]+ (up|down)stream/,
      );
      if (process.platform === 'linux' && kind !== 'partition') expect(evidence[2]).toMatch(/connections of the shop/);
      for (const { enabled, toxics } of await edges.states('clients → echo'))
        expect([enabled, toxics]).toEqual([true, []]);
      directions.add(evidence[1] ?? '');
    }
    expect(directions.size).toBe(seeds.length);
  });
}

withToxiproxy('hits every edge alike, and cuts all that a service has at once', async () => {
  expect(targetsOf(latencies).map(({ target }) => target)).toEqual(edges.names);
  expect(targetsOf(partitions).map(({ target }) => target)).toEqual([...edges.names, 'clients → everything']);
  const evidence = await sufferedFrom(partitions, 'clients → everything', 1);
  for (const name of edges.names)
    expect(evidence.filter((sentence) => sentence.startsWith(`${name}: a probe was refused`))).toHaveLength(1);
  for (const name of edges.names) for (const { enabled } of await edges.states(name)) expect(enabled).toBe(true);
});

withToxiproxy('does nothing to an edge that is not well, since nothing could be shown', async () => {
  await edges.cut('clients → echo');
  try {
    const [fault] = targetsOf(latencies);
    await expect(fault?.inject(world())).rejects.toThrow('clients → echo was not well before: a probe was refused');
    expect((await edges.states('clients → echo')).flatMap(({ toxics }) => toxics)).toEqual([]);
  } finally {
    await edges.mend('clients → echo');
  }
});

it('cannot happen in a cluster without edges, and says so', () => {
  const faults = partitions({ ...world(), cluster: { edges: undefined } }, chanceOf(1));
  expect(faults.map(({ impossible }) => impossible)).toEqual([expect.stringContaining('without a proxy on its edges')]);
});
