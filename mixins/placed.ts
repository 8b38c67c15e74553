// Commands on their way to the actors that they are for: to the node that owns the actor, each node's in one call.
//
//   deliveries ─► by owner ─┬─► this node's: its own host, at once
//                           └─► others': <service>.receive there; who cannot be reached answers `retry`, the rest goes on
//
// Only for speed: whichever node takes a command, the version in the database decides.

import type { ServiceBroker } from 'moleculer';
import { liveNodes } from '../brokers/failover.ts';
import type { Delivery, DeliveryAnswer } from '../brokers/hosting.ts';
import { ownerOf, type PlacementOptions } from '../brokers/rendezvous.ts';

type Answers = Promise<readonly DeliveryAnswer[]>;
type Send = (deliveries: readonly Delivery[], owner: string) => Answers;

/** Takes commands for actors wherever they are; answers one by one, in the order given. */
export interface Placed {
  receive(deliveries: readonly Delivery[]): Answers;
}

/**
 * Gives deliveries to the service's nodes.
 * @throws whatever the call throws, if they all go to one node
 */
export function deliver(broker: ServiceBroker, service: string, deliveries: readonly Delivery[]): Answers {
  const action = `${service}.receive`;
  const nodes = liveNodes(broker, action);
  if (nodes.length < 2) return broker.call(action, { deliveries });
  return byOwner(nodes, deliveries, (some) => send(broker, action, some));
}

/** The hosts of all nodes of a service as one; `own` is that of this node. */
export function placed(broker: ServiceBroker, service: string, own: Placed): Placed {
  const action = `${service}.receive`;
  return {
    receive(deliveries) {
      const nodes = liveNodes(broker, action);
      const isAlone = nodes.every((node) => node === broker.nodeID);
      if (isAlone) return own.receive(deliveries);
      return byOwner(nodes, deliveries, (some, owner) =>
        owner === broker.nodeID ? own.receive(some) : send(broker, action, some),
      );
    },
  };
}

/** All of them belong to one node: so the first one's key is the way to it, and to the next one if it fails. */
function send(broker: ServiceBroker, action: string, deliveries: readonly Delivery[]): Answers {
  const options: PlacementOptions = { shardKey: (deliveries[0] as Delivery).id };
  return broker.call(action, { deliveries }, options);
}

async function byOwner(nodes: readonly string[], deliveries: readonly Delivery[], give: Send): Answers {
  const groups = Map.groupBy(deliveries.keys(), (index) => ownerOf((deliveries[index] as Delivery).id, nodes));
  const [first] = groups.keys();
  if (groups.size === 1 && first !== undefined) return await give(deliveries, first);
  const answers: DeliveryAnswer[] = [];
  await Promise.all(
    Array.from(groups, async ([owner, indices]) => {
      const given = await orRetry(
        indices.map((index) => deliveries[index] as Delivery),
        owner,
        give,
      );
      indices.forEach((index, i) => {
        answers[index] = given[i] ?? { retry: 'no answer' };
      });
    }),
  );
  return answers;
}

/** What could not be given is given again later by whoever sends it; the others must not wait for it. */
async function orRetry(deliveries: readonly Delivery[], owner: string, give: Send): Answers {
  try {
    return await give(deliveries, owner);
  } catch (error) {
    return deliveries.map(() => ({ retry: (error as Error).message }));
  }
}
