// Failover by itself: brokers in one process, over Moleculer's fake transporter. With real processes: infra/node/.
import { afterAll, describe, expect, it } from '@jest/globals';
import { type Context, Errors, ServiceBroker } from 'moleculer';
import { Readable } from 'node:stream';
import {
  ATTEMPT_MS,
  ATTEMPTS_MAX,
  failover,
  fateOf,
  liveNodes,
  REST_MIN_MS,
  SILENCE_RESERVE,
  SILENCE_SHARE,
} from './failover.ts';
import { nodeIsStopping, Problem } from './problem.ts';
import { ownerOf, RendezvousStrategy } from './rendezvous.ts';

type Handler = (this: { broker: ServiceBroker }, ctx: Context<object, { by?: string }>) => unknown;

/** Shorter than an ordinary attempt, so that tests of silence do not take long. */
const SHORT_MS = 40;

const brokers: ServiceBroker[] = [];
/** Starting brokers takes half a second: tests with equally many nodes share them. */
const meshes = new Map<number, { readonly caller: Promise<ServiceBroker>; told: readonly Handler[] }>();

async function broker(nodeID: string, namespace: string, get?: Handler): Promise<ServiceBroker> {
  const made = new ServiceBroker({
    nodeID,
    namespace,
    logger: false,
    transporter: 'Fake',
    registry: { stopDelay: 0, strategy: RendezvousStrategy, preferLocal: false },
    middlewares: [failover()],
  });
  brokers.push(made);
  if (get !== undefined)
    made.createService({ name: 'things', actions: { get: { handler: get, attemptMs: SHORT_MS } } });
  await made.start();
  return made;
}

/** A caller, and nodes `a`, `b`, … that do as they are told. */
async function mesh(...told: readonly Handler[]): Promise<ServiceBroker> {
  let known = meshes.get(told.length);
  if (known === undefined) {
    known = { caller: start(told.length), told };
    meshes.set(told.length, known);
  }
  known.told = told;
  const caller = await known.caller;
  await until(`there are ${told.length} nodes`, () => {
    if (liveNodes(caller, 'things.get').length === told.length) return true;
    void caller.registry.discoverer.discoverAllNodes();
    return false;
  });
  return caller;
}

async function start(nodes: number): Promise<ServiceBroker> {
  const namespace = `failover-${process.pid}-${nodes}`;
  const starting = Array.from({ length: nodes }, (_, i) =>
    broker(String.fromCodePoint(97 + i), namespace, function (ctx) {
      return meshes.get(nodes)?.told[i]?.call(this, ctx);
    }),
  );
  const [caller] = await Promise.all([broker('caller', namespace), ...starting]);
  return caller;
}

const never = () => new Promise(() => {});
const answer: Handler = function () {
  return this.broker.nodeID;
};
const lose = (caller: ServiceBroker, node: string) => caller.registry.discoverer.remoteNodeDisconnected(node, true);

/** A key that belongs to this one of the nodes a and b. */
const keyOf = (node: string) => {
  for (let i = 0; ; i++) if (ownerOf(`k${i}`, ['a', 'b']) === node) return `k${i}`;
};

afterAll(async () => {
  await Promise.all(brokers.map((each) => each.stop()));
});

async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 5_000;
  while (!isSo()) {
    if (performance.now() > giveUpAt) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A handler that notes who was asked. */
function noting(asked: string[], then: Handler): Handler {
  return function (ctx) {
    asked.push(this.broker.nodeID);
    return then.call(this, ctx);
  };
}

describe('a call', () => {
  it('is made again on another node when its node is lost, and what the action says of its answer arrives', async () => {
    const caller = await mesh(
      () => {
        lose(caller, 'a');
        return never();
      },
      (ctx) => {
        ctx.meta.by = 'b';
        return 'b';
      },
    );
    const calling = caller.call('things.get', {}, { shardKey: keyOf('a'), meta: { asked: true } });
    expect(await calling).toBe('b');
    expect((calling as unknown as { ctx: Context }).ctx.meta).toEqual({ asked: true, by: 'b' });
  });

  it('is made again when its node falls silent, with the rest of the deadline', async () => {
    const left: number[] = [];
    const note: Handler = (ctx) => void left.push((ctx.options as { timeout: number }).timeout);
    const caller = await mesh(
      (ctx) => {
        note.call({ broker: caller }, ctx);
        return never();
      },
      (ctx) => {
        note.call({ broker: caller }, ctx);
        return 'b';
      },
    );
    expect(await caller.call('things.get', {}, { shardKey: keyOf('a'), timeout: 1_000 })).toBe('b');
    const [attempt, rest] = left as [number, number];
    expect(attempt).toBeGreaterThan(990);
    expect(rest).toBeLessThanOrEqual(1_000 - SHORT_MS + 1);
    expect(rest).toBeGreaterThan(500);
  });

  it('is not made again when its node is slow, but answers pings: its store is slow, and the other one’s too', async () => {
    let asked = 0;
    const slow: Handler = async () => {
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 5 * SHORT_MS));
      return 'slow';
    };
    const caller = await mesh(slow, slow);
    const { tx } = caller.transit as unknown as { readonly tx: { isSilent?: () => boolean } };
    tx.isSilent = () => false;
    try {
      expect(await caller.call('things.get', {}, { shardKey: keyOf('a'), timeout: 2_000 })).toBe('slow');
    } finally {
      delete tx.isSilent;
    }
    expect(asked).toBe(1);
  });

  it.each([
    ['is stopping', () => nodeIsStopping()],
    ['has shut its services', () => new Errors.ServiceNotAvailableError({ action: 'things.get', nodeID: 'a' })],
    ['has none any more', () => new Errors.ServiceNotFoundError({ action: 'things.get', nodeID: 'a' })],
  ])('goes to another node when its own %s', async (_, error) => {
    const caller = await mesh(() => Promise.reject(error()), answer);
    expect(await caller.call('things.get', {}, { shardKey: keyOf('a') })).toBe('b');
  });

  it('is tried so many times and no more', async () => {
    const asked: string[] = [];
    const caller = await mesh(
      ...Array.from({ length: ATTEMPTS_MAX + 2 }, () => noting(asked, () => Promise.reject(nodeIsStopping()))),
    );
    await expect(caller.call('things.get')).rejects.toThrow('stopping');
    expect(asked).toHaveLength(ATTEMPTS_MAX);
    expect(new Set(asked).size).toBe(ATTEMPTS_MAX);
  });

  it('is given the whole deadline where there is no other node', async () => {
    const caller = await mesh(async function () {
      await new Promise((resolve) => setTimeout(resolve, 3 * SHORT_MS));
      return 'late';
    });
    expect(await caller.call('things.get', {}, { timeout: 2_000 })).toBe('late');
  });

  it('ends with its deadline, however many nodes are left', async () => {
    const caller = await mesh(never, never, never);
    const startedAt = performance.now();
    await expect(caller.call('things.get', {}, { timeout: SHORT_MS + 30 })).rejects.toThrow('timed out');
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('is not made again with hardly any time left', async () => {
    const asked: string[] = [];
    const caller = await mesh(noting(asked, never), noting(asked, never));
    await expect(caller.call('things.get', {}, { timeout: SHORT_MS + REST_MIN_MS / 2 })).rejects.toThrow('timed out');
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['a refusal', () => new Problem('wrong-state', 'no')],
    ['an overload', () => new Problem('overloaded', 'too many')],
    ['a bug', () => new TypeError('x is undefined')],
    ['a full queue', () => new Errors.QueueIsFullError({ action: 'things.get', nodeID: 'a' })],
  ])('is not made again because of %s', async (_, error) => {
    const asked: string[] = [];
    const refuse = noting(asked, () => Promise.reject(error()));
    const caller = await mesh(refuse, refuse);
    await expect(caller.call('things.get')).rejects.toThrow(error().message);
    expect(asked).toHaveLength(1);
  });

  it('with a stream, or to a node by name, is never made again', async () => {
    const asked: string[] = [];
    const refuse = noting(asked, () => Promise.reject(nodeIsStopping()));
    const caller = await mesh(refuse, refuse);
    await expect(caller.call('things.get', {}, { stream: Readable.from(['x']) })).rejects.toThrow('stopping');
    await expect(caller.call('things.get', {}, { nodeID: 'a' })).rejects.toThrow('stopping');
    expect(asked).toHaveLength(2);
  });

  it('is not made again because another node has failed that the action itself has called', () => {
    const further = Object.assign(new Errors.RequestRejectedError({ action: 'products.quote', nodeID: 'p' }), {
      nodeID: 'a',
    });
    expect(fateOf(further, 'things.get', 'a', 'caller')).toBeUndefined();
    const stopping = Object.assign(nodeIsStopping(), { nodeID: 'p' });
    expect(fateOf(stopping, 'things.get', 'a', 'caller')).toBeUndefined();
  });
});

it('calls are repeated because of silence for a share of them only, beyond a reserve', async () => {
  const caller = await mesh(never, answer);
  const made = SILENCE_RESERVE + 200;
  const shardKey = keyOf('a');
  const calls = Array.from({ length: made }, () => caller.call('things.get', {}, { shardKey, timeout: 10_000 }));
  const repeated = (await Promise.allSettled(calls)).filter(({ status }) => status === 'fulfilled').length;
  // Some of the reserve was used before, and all of it was earned again at most.
  expect(repeated).toBeGreaterThanOrEqual(SILENCE_RESERVE - 10);
  expect(repeated).toBeLessThanOrEqual(SILENCE_RESERVE + SILENCE_SHARE * made);
  expect(ATTEMPT_MS).toBeGreaterThan(SHORT_MS);
});
