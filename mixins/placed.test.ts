import { describe, expect, it } from '@jest/globals';
import type { ServiceBroker } from 'moleculer';
import type { Delivery, DeliveryAnswer } from '../brokers/hosting.ts';
import { ownerOf, type PlacementOptions } from '../brokers/rendezvous.ts';
import { deliver, placed } from './placed.ts';

const delivery = (id: string): Delivery => ({
  id,
  commandId: `c-${id}`,
  command: { type: 'Cancel', data: {} },
  sentAt: 0,
});
const deliveries = Array.from({ length: 60 }, (_, i) => delivery(`order-${i}`));
const ids = (some: readonly Delivery[]) => some.map(({ id }) => id);

interface Called {
  readonly action: string;
  readonly ids: readonly string[];
  readonly shardKey: string | undefined;
}

/** A broker that knows these nodes of `orders.receive`, and answers each delivery with its node; `lost` cannot be reached. */
function brokerOf(nodes: readonly string[], lost?: string) {
  const calls: Called[] = [];
  const broker = {
    nodeID: 'orders-1',
    registry: { getActionEndpoints: () => ({ endpoints: nodes.map((id) => ({ id, isAvailable: true })) }) },
    call(action: string, params: { deliveries: readonly Delivery[] }, options: PlacementOptions = {}) {
      const { shardKey } = options;
      calls.push({ action, ids: ids(params.deliveries), shardKey });
      const owner = shardKey === undefined ? nodes[0] : ownerOf(shardKey, nodes);
      if (owner === undefined || owner === lost) return Promise.reject(new Error(`${owner} is lost`));
      return Promise.resolve(params.deliveries.map((): DeliveryAnswer => ({ refused: owner })));
    },
  };
  return { broker: broker as unknown as ServiceBroker, calls };
}

const owned = (nodes: readonly string[], node: string) => ids(deliveries).filter((id) => ownerOf(id, nodes) === node);

describe('deliveries', () => {
  it('go in one call as they are where there is one node', async () => {
    const { broker, calls } = brokerOf(['orders-1']);
    expect(await deliver(broker, 'orders', deliveries)).toHaveLength(60);
    expect(calls).toEqual([{ action: 'orders.receive', ids: ids(deliveries), shardKey: undefined }]);
  });

  it('go to their owners, in one call each and in order, and are answered in the order given', async () => {
    const nodes = ['orders-1', 'orders-2', 'orders-3'];
    const { broker, calls } = brokerOf(nodes);
    const answers = await deliver(broker, 'orders', deliveries);
    expect(answers).toEqual(ids(deliveries).map((id) => ({ refused: ownerOf(id, nodes) })));
    expect(calls).toHaveLength(3);
    for (const call of calls) {
      expect(call.ids).toEqual(owned(nodes, ownerOf(call.ids[0] as string, nodes)));
      expect(call.shardKey).toBe(call.ids[0]);
    }
  });

  it('of a node that cannot be reached are to be sent again; the others are done', async () => {
    const nodes = ['orders-1', 'orders-2'];
    const { broker } = brokerOf(nodes, 'orders-2');
    const answers = await deliver(broker, 'orders', deliveries);
    const again = deliveries.filter((_, i) => 'retry' in (answers[i] as DeliveryAnswer));
    expect(ids(again)).toEqual(owned(nodes, 'orders-2'));
    expect(again.length).toBeGreaterThan(10);
  });

  it('fail as the call fails where there is no node', async () => {
    await expect(deliver(brokerOf([]).broker, 'orders', deliveries)).rejects.toThrow('is lost');
  });
});

describe('the hosts of all nodes', () => {
  function own() {
    const received: string[] = [];
    const receive = (some: readonly Delivery[]) => {
      received.push(...ids(some));
      return Promise.resolve(some.map((): DeliveryAnswer => ({ done: true })));
    };
    return { received, receive };
  }

  it.each([
    ['this is the only node', ['orders-1']],
    ['this node is just starting', []],
  ])('are the own one where %s', async (_, nodes) => {
    const { broker, calls } = brokerOf(nodes);
    const host = own();
    await placed(broker, 'orders', host).receive(deliveries);
    expect(host.received).toEqual(ids(deliveries));
    expect(calls).toEqual([]);
  });

  it('take each command at its owner: the own ones without a call', async () => {
    const nodes = ['orders-1', 'orders-2'];
    const { broker, calls } = brokerOf(nodes);
    const host = own();
    const answers = await placed(broker, 'orders', host).receive(deliveries);
    expect(host.received).toEqual(owned(nodes, 'orders-1'));
    expect(calls.map((call) => call.ids)).toEqual([owned(nodes, 'orders-2')]);
    expect(answers.filter((answer) => 'done' in answer)).toHaveLength(host.received.length);
  });
});
