// Where faults come from: one source for each kind. A kind without a source does not compile.
//
//   kind ─► source(world, chance) ─► the faults of this kind that are possible here ─► one is drawn

import { backendFaults } from './backends.ts';
import { clockSkews } from './clock.ts';
import { crashPoints } from './crash-point.ts';
import { fullDisks, slowDisks } from './disk.ts';
import type { FaultKind, FaultSource } from './fault.ts';
import { kills } from './kill.ts';
import { linksDown } from './link.ts';
import { bandwidths, halfOpens, jitters, latencies, oneWays, partitions, resets, slowCloses } from './network.ts';
import { overloads } from './overload.ts';
import { pauses } from './pause.ts';
import { poisoning } from './poison.ts';
import { providerFaults } from './provider.ts';
import { rewinds } from './rewind.ts';
import { rollingRestarts } from './rolling.ts';
import { dynamoOutages, kafkaOutages, natsOutages, postgresOutages } from './servers.ts';

export const faultSources = {
  kill: kills,
  pause: pauses,
  'rolling-restart': rollingRestarts,
  nats: natsOutages,
  kafka: kafkaOutages,
  postgres: postgresOutages,
  'postgres-backend': backendFaults,
  dynamodb: dynamoOutages,
  latency: latencies,
  jitter: jitters,
  bandwidth: bandwidths,
  'slow-close': slowCloses,
  reset: resets,
  'half-open': halfOpens,
  'one-way': oneWays,
  partition: partitions,
  'link-down': linksDown,
  'slow-disk': slowDisks,
  'full-disk': fullDisks,
  'clock-skew': clockSkews,
  poison: poisoning,
  rewind: rewinds,
  overload: overloads,
  provider: providerFaults,
  'crash-point': crashPoints,
} as const satisfies Readonly<Record<FaultKind, FaultSource>>;
