// What can be done to an edge, how strongly, and what a probe must see of it for it to count.

import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { Probe } from '../../../infra/local/cluster/edge-probe.ts';
import type { Edges } from '../../../infra/local/cluster/edges.ts';
import type { Direction, Toxic } from '../../../infra/local/servers/toxiproxy-client.ts';
import type { FaultKind } from './fault.ts';

export type NetworkKind = Extract<
  FaultKind,
  'latency' | 'jitter' | 'bandwidth' | 'slow-close' | 'reset' | 'half-open' | 'one-way' | 'partition'
>;

/** Harm of one kind, its measures drawn. */
export interface Harm {
  readonly kind: NetworkKind;
  /** In a few words, with the measures. */
  readonly what: string;
  /** Does it to an edge. @returns what takes it away again */
  begin(edges: Edges, edge: string): Promise<() => Promise<void>>;
  probes(edges: Edges, edge: string): Promise<readonly Probe[]>;
  /** What shows it, as a sentence; undefined: nothing does. */
  shows(before: readonly Probe[], meanwhile: readonly Probe[]): string | undefined;
}

/** Milliseconds that answers are late; the longest is half the time that a statement may take. */
const LATENCIES_MS = [50, 200, 500, 1_000];
const JITTERS_MS = [100, 200, 400];
/** Kilobytes a second. */
const RATES = [4, 16, 64];
/** Bytes of a probe, at least; see edge-probe.ts. */
const PROBE_BYTES = 3_000;
/** On each of two ways, so a close takes twice that. */
const CLOSES_MS = [300, 1_000];
/** Of what should be seen; clocks and queues are not exact. */
const SHARE = 0.7;
const JITTER_PROBES = 8;
/** Silence for so long is silence. */
const SILENCE_MS = 800;
const PATIENCE_MS = 3_000;

const once = (edges: Edges, edge: string) => edges.probe(edge, { answerMs: PATIENCE_MS });
const briefly = (edges: Edges, edge: string) => edges.probe(edge, { answerMs: SILENCE_MS });
const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const slowest = (probes: readonly Probe[]): number => Math.max(...probes.map(({ tookMs }) => tookMs));
const quickest = (probes: readonly Probe[]): number => Math.min(...probes.map(({ tookMs }) => tookMs));
const allAre = (probes: readonly Probe[], outcome: Probe['outcome']): boolean =>
  probes.length > 0 && probes.every((probe) => probe.outcome === outcome);

/** A toxic in some directions. */
const poisoning = (toxic: Toxic, streams: readonly Direction[]) => async (edges: Edges, edge: string) => {
  const removals: (() => Promise<void>)[] = [];
  const takeAway = async () => void (await Promise.all(removals.map((remove) => remove())));
  try {
    for (const stream of streams) removals.push(await edges.add(edge, toxic, { stream }));
  } catch (error) {
    await takeAway();
    throw error;
  }
  return takeAway;
};

/** Answers took longer by what they should. */
const later = (byMs: number) => (before: readonly Probe[], meanwhile: readonly Probe[]) =>
  allAre(meanwhile, 'answered') && quickest(meanwhile) - slowest(before) >= byMs * SHARE
    ? `a probe was answered after ${ms(quickest(meanwhile))}, before it after ${ms(slowest(before))}`
    : undefined;

/** No answer: silence, or, if what got lost were answers, the end that the server made after its answer. */
const unanswered = (before: readonly Probe[], meanwhile: readonly Probe[]) =>
  meanwhile.length > 0 && meanwhile.every(({ outcome }) => outcome === 'silent' || outcome === 'closed')
    ? `a probe was let in and heard nothing${allAre(meanwhile, 'silent') ? '' : ' until its end'} for ${ms(quickest(meanwhile))}, before it was answered after ${ms(slowest(before))}`
    : undefined;

const BOTH: readonly Direction[] = ['upstream', 'downstream'];
const lostOn: Readonly<Record<Direction, string>> = { upstream: 'requests', downstream: 'answers' };
const oneOf = (chance: Chance): Direction => chance.pick(BOTH);

/** Draws how strong harm of each kind is. */
export const harms: Readonly<Record<NetworkKind, (chance: Chance) => Harm>> = {
  latency(chance) {
    const latency = chance.pick(LATENCIES_MS);
    return {
      kind: 'latency',
      what: `answers ${latency} ms late`,
      begin: poisoning({ type: 'latency', attributes: { latency } }, ['downstream']),
      probes: once,
      shows: later(latency),
    };
  },
  jitter(chance) {
    const jitter = chance.pick(JITTERS_MS);
    return {
      kind: 'jitter',
      what: `answers up to ${2 * jitter} ms late`,
      begin: poisoning({ type: 'latency', attributes: { latency: jitter, jitter } }, ['downstream']),
      probes: async (edges, edge) =>
        (await Promise.all(Array.from({ length: JITTER_PROBES }, () => once(edges, edge)))).flat(),
      shows(before, meanwhile) {
        const [least, most] = [quickest(meanwhile), slowest(meanwhile)];
        return allAre(meanwhile, 'answered') && most - least - (slowest(before) - quickest(before)) >= jitter * 0.5
          ? `${meanwhile.length} probes were answered after ${ms(least)} to ${ms(most)}, before after ${ms(quickest(before))} to ${ms(slowest(before))}`
          : undefined;
      },
    };
  },
  bandwidth(chance) {
    const rate = chance.pick(RATES);
    return {
      kind: 'bandwidth',
      what: `${rate} kB/s, to and fro`,
      begin: poisoning({ type: 'bandwidth', attributes: { rate } }, BOTH),
      probes: once,
      shows: later(PROBE_BYTES / rate),
    };
  },
  'slow-close'(chance) {
    const delay = chance.pick(CLOSES_MS);
    return {
      kind: 'slow-close',
      what: `ends are told ${delay} ms late`,
      begin: poisoning({ type: 'slow_close', attributes: { delay } }, BOTH),
      probes: once,
      shows(before, meanwhile) {
        const closes = (probes: readonly Probe[]) => probes.map(({ closeMs = Number.POSITIVE_INFINITY }) => closeMs);
        const [least, usual] = [Math.min(...closes(meanwhile)), Math.max(...closes(before))];
        return allAre(meanwhile, 'answered') && least - usual >= delay * SHARE
          ? `a probe that had ended was closed after ${least === Number.POSITIVE_INFINITY ? 'more than we waited' : ms(least)}, before after ${ms(usual)}`
          : undefined;
      },
    };
  },
  reset(chance) {
    const stream = oneOf(chance);
    return {
      kind: 'reset',
      what: `connections are reset at the first bytes of ${lostOn[stream]}`,
      begin: poisoning({ type: 'reset_peer', attributes: { timeout: 0 } }, [stream]),
      probes: once,
      shows: (before, meanwhile) =>
        allAre(meanwhile, 'reset')
          ? `a probe was reset after ${ms(slowest(meanwhile))}, before it was answered after ${ms(slowest(before))}`
          : undefined,
    };
  },
  'half-open': () => ({
    kind: 'half-open',
    what: 'connections stay, and nothing passes',
    begin: poisoning({ type: 'timeout', attributes: { timeout: 0 } }, BOTH),
    probes: briefly,
    shows: unanswered,
  }),
  'one-way'(chance) {
    const stream = oneOf(chance);
    return {
      kind: 'one-way',
      what: `connections stay, and ${lostOn[stream]} get lost`,
      begin: poisoning({ type: 'timeout', attributes: { timeout: 0 } }, [stream]),
      probes: briefly,
      shows: unanswered,
    };
  },
  partition: () => ({
    kind: 'partition',
    what: 'cut',
    async begin(edges, edge) {
      try {
        await edges.cut(edge);
      } catch (error) {
        await edges.mend(edge); // of several proxies some may be cut
        throw error;
      }
      return () => edges.mend(edge);
    },
    probes: once,
    shows: (before, meanwhile) =>
      allAre(meanwhile, 'refused')
        ? `a probe was refused, before it was answered after ${ms(slowest(before))}`
        : undefined,
  }),
};
