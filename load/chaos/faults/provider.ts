// The payment provider misbehaves: it charges and says nothing, fails before or after, asks for patience, answers late,
// reports ten times, out of order, before its answer; or somebody else reports in its name, or repeats an old report.
//
//   file in the provider's folder ─► taken up ─► so many calls or webhooks go wrong ─► file gone ─► its own count is evidence
//
// Its ledger stays exact. A report that is forged or stale and is believed nevertheless is told as a violation: nothing that
// looks at the shop alone would see it.

import { join } from 'node:path';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import { until } from '../../../infra/local/callers.fixture.ts';
import {
  type Misbehaved,
  misbehaved,
  type Misbehaviour,
  tellProvider,
  wrongAnswers,
  wrongWebhooks,
} from '../../../infra/local/provider/misbehaviour.ts';
import type { World } from '../world.ts';
import type { Fault, FaultSource, Injected } from './fault.ts';
import { lifting } from './witness.ts';

export type ProviderFault = Misbehaviour['kind'];

/** What goes wrong, and what is counted, in words. */
const words: Readonly<Record<ProviderFault, readonly [target: string, done: string]>> = {
  'error-before': ['fails before it does anything', 'answered 500 before it did anything'],
  'error-after': ['does it, and answers that it failed', 'did it and answered 500'],
  silent: ['does it, and never answers', 'did it and did not answer'],
  'too-many': ['says that it is too much', 'answered 429'],
  slow: ['does it, and answers late', 'answered late'],
  'webhook-first': ['reports before it answers', 'reported before it answered'],
  'webhook-repeated': ['reports everything ten times', 'sent a report ten times'],
  'webhook-reordered': ['reports out of order', 'let a report be overtaken'],
  'webhook-forged': ['is impersonated by somebody who reports the opposite', 'was impersonated'],
  'webhook-stale': ['has its old reports sent again', 'had a report sent again that was signed long ago'],
};

const LASTS_MS = [4_000, 8_000, 15_000];
/** Of calls; the others go well, so that the shop's circuit breaker sees both. */
const SHARES = [0.2, 0.5, 1];
/** Longer than the shop waits for an answer: the longest is the longest that the provider holds a connection. */
const SLOW_MS = [1_000, 3_000, 30_000];
/** The wish outlives its fault by this, should nobody be there to take it back, in milliseconds. */
const GRACE_MS = 60_000;
/** A provider that is down takes it up when it is back, and it happens with the next call or report. */
const TAKEN_UP_WITHIN_MS = 30_000;

/** Every way to misbehave. */
export const providerFaults: FaultSource = ({ cluster }, chance) =>
  [...wrongAnswers, ...wrongWebhooks].map((kind) => providerFault(cluster.dataDir, kind, chance));

/**
 * One way to misbehave, of the provider of the shop with this data folder.
 * @param wanted to which share of the cases; default: drawn
 */
export function providerFault(dataDir: string, kind: ProviderFault, chance: Chance, wanted?: number): Fault {
  const dir = join(dataDir, 'provider');
  const lastsMs = chance.pick(LASTS_MS);
  // What nobody may believe is sent with everything.
  const share = wanted ?? (mustBeRefused(kind) ? 1 : chance.pick(SHARES));
  const [slowMs, seed] = [chance.pick(SLOW_MS), chance.below(2 ** 31)];
  const of = share === 1 ? '' : `, in ${share * 100} of 100 cases`;
  return {
    kind: 'provider',
    target: `the provider ${words[kind][0]}${of}`,
    lastsMs,
    async inject(world: Pick<World, 'say'>): Promise<Injected> {
      const id = `${kind}-${Date.now().toString(36)}-${seed}`;
      tellProvider(dir, { id, kind, share, slowMs, seed, until: Date.now() + lastsMs + GRACE_MS });
      world.say(`the provider ${words[kind][0]}`);
      try {
        await untilSays(dir, id, ({ done }) => done > 0);
      } catch (error) {
        tellProvider(dir, undefined);
        throw error;
      }
      const { isLifted, healedAt } = lifting();
      let said: Misbehaved | undefined;
      return {
        async heal() {
          tellProvider(dir, undefined);
          isLifted();
          said = await untilSays(dir, id, ({ isOver }) => isOver);
        },
        healedAt,
        evidence: async () => (said === undefined ? [] : evidenceOf(said)),
        violations: async () => (said === undefined ? [] : believed(said)),
      };
    },
  };
}

const mustBeRefused = (kind: ProviderFault) => kind === 'webhook-forged' || kind === 'webhook-stale';

const untilSays = (dir: string, id: string, holds: (said: Misbehaved) => boolean): Promise<Misbehaved> =>
  until(
    'the provider has done as it was told',
    () => {
      const said = misbehaved(dir);
      return said?.id === id && holds(said) ? said : undefined;
    },
    TAKEN_UP_WITHIN_MS,
  );

function evidenceOf({ kind, seen, done, answers }: Misbehaved): readonly string[] {
  if (done === 0) return [];
  return [
    `the provider ${words[kind][1]} ${done} times of ${seen}`,
    ...(Object.keys(answers).length > 0 ? [`the shop answered ${told(answers)}`] : []),
  ];
}

/** That the shop took reports that it must refuse, as a sentence. */
export function believed({ kind, answers }: Misbehaved): readonly string[] {
  const isTaken = Object.keys(answers).some((status) => Number(status) >= 200 && Number(status) < 300);
  if (!mustBeRefused(kind) || !isTaken) return [];
  return [`the shop believed reports that it must refuse (${kind}): it answered ${told(answers)}`];
}

const told = (answers: Misbehaved['answers']): string =>
  Object.entries(answers)
    .map(([status, times]) => `${times} times ${status === '0' ? 'nothing' : status}`)
    .join(', ');
