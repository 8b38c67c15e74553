// Which nodes a cluster on this machine has: one of each service, or as many as `--nodes orders=3,api=2` says.

import { serviceNames } from '../../../brokers/hosting.ts';
import { StartRefused } from '../data-dir.ts';

/** Nodes of one service on one machine; each is a process. */
const NODES_MAX = 16;

/** One process of the cluster. */
export interface NodePlan {
  /** `orders-1`, the same after every restart: placement goes by it. */
  readonly id: string;
  readonly service: string;
}

/**
 * The nodes of a cluster.
 * @param wish the text after `--nodes`; empty: one of each service
 * @throws StartRefused naming what cannot be understood, and a service that is named twice
 */
export function planNodes(wish: string): readonly NodePlan[] {
  const counts = new Map<string, number>(serviceNames.map((name) => [name, 1]));
  const parts = wish.split(',').filter((text) => text.trim() !== '');
  if (wish !== '' && parts.length === 0)
    throw new StartRefused(`--nodes "${wish}" names no service. Write service=number, as in orders=3,api=2.`);
  const named = new Set<string>();
  for (const part of parts) {
    const [, service = '', count = ''] = /^\s*([a-z]+)\s*=\s*(\d+)\s*$/.exec(part) ?? [];
    if (!counts.has(service)) {
      throw new StartRefused(
        `--nodes ${wish}: "${part.trim()}" is not understood. Write service=number, as in orders=3,api=2; the services are ${serviceNames.join(', ')}.`,
      );
    }
    const nodes = Number(count);
    if (nodes < 1 || nodes > NODES_MAX) {
      throw new StartRefused(`--nodes ${wish}: ${service} can have from 1 to ${NODES_MAX} nodes, not ${count}.`);
    }
    if (named.has(service))
      throw new StartRefused(`--nodes ${wish}: ${service} is there twice. Name each service once.`);
    named.add(service);
    counts.set(service, nodes);
  }
  return [...counts].flatMap(([service, nodes]) =>
    Array.from({ length: nodes }, (_, i) => ({ id: `${service}-${i + 1}`, service })),
  );
}
