// Processes that ended although nobody had ended them: the supervisor brings them back in a moment, and callers may never
// notice, but a shop whose nodes die of a message or of a clock is a broken one.
//
//   death ─► a fault at that time whose work it is to end this unit? ─► explained          none ─► told

import { consumerGroups } from '../../brokers/consumers.ts';
import type { FaultKind, FaultRecord } from './faults/fault.ts';

/** A unit of the supervisor whose process ended. */
export interface Death {
  readonly name: string;
  /** Milliseconds since 1970, to a second. */
  readonly at: number;
  /** As the supervisor says it. */
  readonly reason: string;
}

/** Whether what is hit as `target` ends the unit `name`. */
type Ends = (target: string, name: string) => boolean;

const itsTarget: Ends = (target, name) => target === name;
/** PostgreSQL may die of its disk or of a session; nodes have to survive both, and its own death too. */
const postgres: Ends = (_, name) => name === 'postgres';

/**
 * What faults end; those of other kinds end nobody. A server that is killed or held down has its own name as its target.
 * Nodes that lose their sessions, their links or their time go on: if one dies of that, it is a finding.
 */
const ends: Readonly<Partial<Record<FaultKind, Ends>>> = {
  kill: itsTarget,
  nats: itsTarget,
  kafka: itsTarget,
  postgres: itsTarget,
  dynamodb: itsTarget,
  // `orders-1 before the commit of order.Place`
  'crash-point': (target, name) => target.startsWith(`${name} `),
  'postgres-backend': postgres,
  'slow-disk': postgres,
  'full-disk': postgres,
  // `every node, one after another` or `the nodes of carts, one after another`
  'rolling-restart': (target, name) => {
    const service = serviceOf(name);
    return service !== undefined && (target.startsWith('every node,') || target.startsWith(`the nodes of ${service},`));
  },
  // `the group order-history`, whose nodes are held down
  rewind: (target, name) => {
    const group = target.replace(/^the group /, '');
    return Object.hasOwn(consumerGroups, group) && consumerGroups[group]?.service === serviceOf(name);
  },
};

/** Of a node, `orders-1`; undefined for a server. */
function serviceOf(name: string): string | undefined {
  const [, service] = /^([a-z]+)-\d+$/.exec(name) ?? [];
  return service === 'kafka' ? undefined : service;
}

/** Deaths are seen by the second, and a process may be slow to die. */
const SLACK_MS = 3_000;

const during = ({ from, to }: FaultRecord, at: number): boolean => at >= from - SLACK_MS && at <= to + SLACK_MS;

/** What no fault explains, as sentences. */
export function unexplained(deaths: readonly Death[], faults: readonly FaultRecord[], from: number): readonly string[] {
  return deaths
    .filter(({ name, at }) => {
      return !faults.some((fault) => during(fault, at) && ends[fault.kind]?.(fault.target, name) === true);
    })
    .map(
      ({ name, at, reason }) =>
        `${name} ${reason}, ${((at - from) / 1_000).toFixed(0)} s after the beginning, and no fault had ended it`,
    );
}
