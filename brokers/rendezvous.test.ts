import { describe, expect, it } from '@jest/globals';
import { type Context, type Endpoint, ServiceBroker } from 'moleculer';
import { ownerOf, type PlacementOptions, RendezvousStrategy } from './rendezvous.ts';

const KEYS = Array.from({ length: 10_000 }, (_, i) => `01a1fe79-${i}`);
const nodes = (n: number) => Array.from({ length: n }, (_, i) => `orders-${i + 1}`);

describe('a key', () => {
  it('has one owner, whatever order the nodes are named in', () => {
    for (const key of KEYS.slice(0, 100)) expect(ownerOf(key, nodes(5))).toBe(ownerOf(key, nodes(5).toReversed()));
  });

  it.each([2, 3, 5, 10])('is as likely on each of %i nodes', (n) => {
    const held = Map.groupBy(KEYS, (key) => ownerOf(key, nodes(n)));
    for (const node of nodes(n)) {
      const share = (held.get(node)?.length ?? 0) / KEYS.length;
      expect(Math.abs(share - 1 / n)).toBeLessThan(0.02);
    }
  });

  it.each([1, 2, 3, 10])('moves only to the node that joins %i others', (n) => {
    const joined = `orders-${n + 1}`;
    const moved = KEYS.filter((key) => ownerOf(key, nodes(n)) !== ownerOf(key, nodes(n + 1)));
    expect(moved.every((key) => ownerOf(key, nodes(n + 1)) === joined)).toBe(true);
    expect(moved.length / KEYS.length).toBeLessThanOrEqual(1 / (n + 1) + 0.05);
  });

  it('has no owner where there is no node', () => {
    expect(() => ownerOf('k', [])).toThrow('no node');
  });
});

describe('the strategy', () => {
  const broker = new ServiceBroker({ logger: false });
  const strategy = new RendezvousStrategy(broker.registry, broker, {});
  const endpoints = nodes(3).map((id) => ({ id }) as Endpoint);
  const pick = (options?: PlacementOptions) =>
    strategy.select(endpoints, options === undefined ? undefined : ({ options } as unknown as Context)).id;

  it('sends a key to its owner', () => {
    for (const shardKey of KEYS.slice(0, 50)) expect(pick({ shardKey })).toBe(ownerOf(shardKey, nodes(3)));
  });

  it('sends calls without a key to each node in turn', () => {
    expect(new Set([pick(), pick({}), pick()]).size).toBe(3);
  });

  it('asks another node first when one has just failed, and the same again when there is no other', () => {
    const shardKey = 'k';
    const owner = ownerOf(shardKey, nodes(3));
    expect(pick({ shardKey, avoid: [owner] })).not.toBe(owner);
    expect(pick({ shardKey, avoid: nodes(3) })).toBe(owner);
  });
});
