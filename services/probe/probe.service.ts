// The online probe: holds the invariants I3 to I8 against live data, slice by slice, all the time (ADR 30).
//
//   provider's book (HTTP listing) ──┐
//   orders, payments (read-only) ────┼─► inspectors ─► watch: still so? ─► alert once ─► gone? told once
//   stock, outboxes (read-only) ─────┘                                 └─► metrics, `probe.report`
//
// It decides nothing and changes nothing: its role in the database may only read, its key at the provider only list.

import type { Service } from 'moleculer';
import type { Platform } from '../../mixins/platform.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import { probeMetrics, type ProbeMetrics, type Sample } from './metrics.ts';
import type { Graces } from './money.ts';
import { inspectMoney, type MoneySum } from './money-inspector.ts';
import { inspectOutboxes } from './outbox-inspector.ts';
import { type Pace, patrol, type Patrol, type PatrolReport } from './patrol.ts';
import { inspectStock } from './stock-inspector.ts';
import type { Inspector } from './suspicion.ts';

export interface Timing extends Graces, Pace {
  /** A message that waits longer in an outbox is a fault, in milliseconds. */
  readonly lagMaxMs: number;
}

export const TIMING: Timing = {
  // What happens to an order by itself happens within a second in health; what a fault holds up waits in an outbox.
  settledMs: 5_000,
  // As long as an outbox may take after a fault (L3).
  effectMs: 30_000,
  lagMaxMs: 30_000,
  // A step takes 20 to 40 ms of CPU of probe, PostgreSQL and provider together: about 1 % of a core.
  restMs: 1_000,
  share: 0.02,
  restMaxMs: 5_000,
  againMs: 2_000,
  blindMs: 60_000,
};

export interface ProbeReport extends PatrolReport {
  readonly sums: readonly MoneySum[];
  readonly metrics: readonly Sample[];
}

interface Probe extends Service {
  patrol: Patrol;
  sums: () => readonly MoneySum[];
  measures: ProbeMetrics;
  /** Brings the gauges up to date. */
  measure(): void;
  close(): void;
}

/** The probe; waits for nobody when it starts, and looks at what is there. */
export const probeService = (platform: Platform, timing: Timing = TIMING): SchemaOf<Probe> => ({
  name: 'probe',

  started(this: Probe) {
    const measures = probeMetrics(this.broker);
    this.measures = measures;
    this.sums = () => [];
    this.close = () => {};
    let measureOthers = () => {};
    this.measure = () => {
      measures.violations(this.patrol.standing());
      measureOthers();
    };
    this.patrol = patrol({
      open: async () => {
        const { inspectors, measure, sums, close } = await openInspectors(platform, timing, measures);
        this.close = close;
        this.sums = sums;
        measureOthers = measure;
        return inspectors;
      },
      pace: timing,
      told: {
        raised: ({ invariant, subject, rule, sentence }) => {
          platform.alert(`invariant ${invariant} is violated`, { invariant, subject, rule, what: sentence });
        },
        gone: ({ invariant, subject, rule, sentence }) => {
          this.logger.info({ invariant, subject, rule, what: sentence }, `invariant ${invariant} holds again`);
        },
        blind: (inspector, reason) => platform.alert('the probe sees nothing', { inspector, reason }),
        sees: (inspector) => this.logger.info({ inspector }, 'the probe sees again'),
        checked: (invariant, count) => measures.checked(invariant, count),
      },
      after: () => this.measure(),
    });
  },
  async stopped(this: Partial<Probe>) {
    this.close?.();
    await this.patrol?.stop();
  },

  actions: {
    /** What was looked at and what is wrong, since it started. Not published at the gateway. */
    report: {
      visibility: 'public',
      handler(this: Probe): ProbeReport {
        this.measure();
        return { ...this.patrol.report(), sums: this.sums(), metrics: this.measures.samples() };
      },
    },
  },
});

/** @throws Error while there is nothing to look into */
async function openInspectors({ probe }: Platform, timing: Timing, measures: ProbeMetrics) {
  if (probe === undefined) throw new Error('this node has neither the role nor the key of the probe');
  const reader = await probe.reader();
  const listing = probe.listing();
  const money = inspectMoney({ reader, listing, graces: timing });
  const outboxes = inspectOutboxes({ reader, lagMaxMs: timing.lagMaxMs });
  const inspectors: readonly Inspector[] = [money, inspectStock({ reader }), outboxes];
  return {
    inspectors,
    sums: () => money.sums(),
    measure() {
      for (const [context, ms] of outboxes.lagMs()) measures.lag(context, ms / 1_000);
      for (const { name, lastCycleMs } of inspectors) {
        const ms = lastCycleMs();
        if (ms !== undefined) measures.cycle(name, ms / 1_000);
      }
    },
    close() {
      listing.close();
      // It may wait for a database that does not answer; whoever stops need not.
      reader.close().catch(() => {});
    },
  };
}
