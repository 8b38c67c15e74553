// What the probe counts, in Moleculer's registry (where that is switched on) and in `probe.report`.

import type { ServiceBroker } from 'moleculer';
import { invariants, type Invariant } from './suspicion.ts';

export const metricNames = {
  checked: 'souk_invariant_checked_total',
  violations: 'souk_invariant_violations',
  cycle: 'souk_invariant_last_cycle_seconds',
  lag: 'souk_invariant_lag_seconds',
} as const;

/** One value with its labels, as an exporter would write it. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ProbeMetrics {
  checked(invariant: Invariant, count: number): void;
  violations(counts: ReadonlyMap<Invariant, number>): void;
  cycle(inspector: string, seconds: number): void;
  lag(context: string, seconds: number): void;
  samples(): readonly Sample[];
}

/** Registers the metrics; all of them stand at zero, so that what was never looked at is seen to be so. */
export function probeMetrics({ metrics }: Pick<ServiceBroker, 'metrics'>): ProbeMetrics {
  metrics.register({
    name: metricNames.checked,
    type: 'counter',
    labelNames: ['invariant'],
    description: 'Things that the probe has held against an invariant.',
  });
  const gauge = (name: string, label: string, description: string) =>
    void metrics.register({ name, type: 'gauge', labelNames: [label], description });
  gauge(metricNames.violations, 'invariant', 'Violations that stand.');
  gauge(metricNames.cycle, 'inspector', 'How long the last round over everything took.');
  gauge(metricNames.lag, 'context', 'Age of the oldest message that waits to leave.');
  const values = new Map<string, Sample>();
  const keep = (name: string, label: string, of: string, value: number) => {
    values.set(`${name} ${of}`, { name, labels: { [label]: of }, value });
  };
  const valueOf = (name: string, of: string) => values.get(`${name} ${of}`)?.value ?? 0;
  for (const invariant of invariants) {
    keep(metricNames.checked, 'invariant', invariant, 0);
    keep(metricNames.violations, 'invariant', invariant, 0);
  }
  return {
    checked(invariant, count) {
      keep(metricNames.checked, 'invariant', invariant, valueOf(metricNames.checked, invariant) + count);
      metrics.increment(metricNames.checked, { invariant }, count);
    },
    violations(counts) {
      for (const [invariant, count] of counts) {
        keep(metricNames.violations, 'invariant', invariant, count);
        metrics.set(metricNames.violations, count, { invariant });
      }
    },
    cycle(inspector, seconds) {
      keep(metricNames.cycle, 'inspector', inspector, seconds);
      metrics.set(metricNames.cycle, seconds, { inspector });
    },
    lag(context, seconds) {
      keep(metricNames.lag, 'context', context, seconds);
      metrics.set(metricNames.lag, seconds, { context });
    },
    samples: () => [...values.values()],
  };
}
