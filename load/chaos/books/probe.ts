// What the online probe of the cluster says after a run: it has looked on its own all the time, by ways of its own.
//
//   its first report ─► it looks on ─► every invariant was looked at since, every inspector sees, nothing is suspected
//                                       └─► its findings       out of time ─► its findings, and what it could not see as wrong
//
// A probe that sees nothing finds nothing wrong: that it has looked is asked before what it found.

import { setTimeout as pause } from 'node:timers/promises';
import { joinAsGuest } from '../../../infra/local/cluster/guest.fixture.ts';
import type { Finding } from '../../../mixins/finding.ts';
import type { PatrolReport } from '../../../services/probe/patrol.ts';
import { TIMING } from '../../../services/probe/probe.service.ts';
import { type Invariant, invariants } from '../../../services/probe/suspicion.ts';

const FIND_MS = 20_000;
const POLL_MS = 500;
const ASK_MS = 3_000;
/**
 * A suspicion is looked at again when it has lasted its time, a hundred of them at a step: what was on its way when the
 * clients ended takes so long until it is cleared.
 */
const DECIDE_MS = 2 * TIMING.effectMs;

export interface ProbedCluster {
  readonly natsUrl: string;
  readonly dataDir: string;
}

/**
 * Asks the probe until it has looked at everything since, and sees nothing wrong any more, for so long: what a fault held
 * up is gone by then. It takes a step every one to five seconds.
 * @returns what it has looked at, as findings; what it could not see is wrong
 * @throws Error if it cannot be asked
 */
export async function askProbe(cluster: ProbedCluster, withinMs: number): Promise<readonly Finding[]> {
  const broker = await joinAsGuest('asks-the-probe', cluster);
  try {
    await broker.waitForServices('probe', FIND_MS, POLL_MS);
    const ask = () => broker.call<PatrolReport, object>('probe.report', {}, { timeout: ASK_MS });
    return await decided(ask, { withinMs, decideMs: DECIDE_MS, pollMs: POLL_MS });
  } finally {
    await broker.stop();
  }
}

export interface Limits {
  /** For looking at everything once more, and for what is wrong to be put right. */
  readonly withinMs: number;
  /** For deciding on what is suspected. */
  readonly decideMs: number;
  readonly pollMs: number;
}

/** Asks until there is nothing more to wait for, or the time is over. @throws what `ask` throws once the time is over */
export async function decided(ask: () => Promise<PatrolReport>, limits: Limits): Promise<readonly Finding[]> {
  const { withinMs, decideMs, pollMs } = limits;
  const startedAt = performance.now();
  let first: PatrolReport | undefined;
  let limitMs = withinMs;
  for (;;) {
    const waitedMs = performance.now() - startedAt;
    const asked = ask();
    const report = await (waitedMs > limitMs ? asked : asked.catch(() => undefined));
    if (report !== undefined) {
      first ??= report;
      const verdict = verdictOf(first, report);
      const { unseen, suspected, standing } = verdict;
      limitMs = suspected > 0 ? Math.max(withinMs, decideMs) : withinMs;
      if (waitedMs > limitMs || (unseen.size === 0 && suspected === 0 && standing === 0))
        return findingsOf(report, verdict);
    }
    await pause(pollMs);
  }
}

export interface Verdict {
  /** Invariants that it has not looked at since its first report, each with the reasons. */
  readonly unseen: ReadonlyMap<string, readonly string[]>;
  /** What looks wrong, and is neither confirmed nor cleared. */
  readonly suspected: number;
  /** Violations that stand. */
  readonly standing: number;
}

/** Which invariants an inspector looks at; one that is not in the list may look at any. */
const looksAt: Readonly<Record<string, readonly Invariant[]>> = {
  money: ['I3', 'I4', 'I7', 'I8'],
  stock: ['I5', 'I6'],
  outboxes: ['I8'],
};

/**
 * What a report says, and does not say, of the time since the first one. Its rounds begin anew when they are through, so
 * it looks at something of each invariant in every step, however still the shop is.
 */
export function verdictOf(first: PatrolReport, now: PatrolReport): Verdict {
  const unseen = new Map<string, readonly string[]>();
  for (const { invariant, looked } of now.findings) {
    // A probe that was started again counts from nothing.
    const before = first.since === now.since ? lookedAt(first, invariant) : 0;
    const blind = now.inspectors.filter(
      (each) => each.blind !== undefined && (looksAt[each.name] ?? invariants).some((one) => one === invariant),
    );
    const why = [
      ...(looked > before ? [] : [looked === 0 ? 'it has never looked at it' : NO_MORE]),
      ...(now.inspectors.length > 0 ? [] : ['it has opened nothing yet']),
      ...blind.map((each) => `it cannot look at ${each.name}: ${each.blind}`),
    ];
    if (why.length > 0) unseen.set(invariant, why);
  }
  return {
    unseen,
    suspected: now.suspected,
    standing: now.findings.reduce((sum, { wrongCount }) => sum + wrongCount, 0),
  };
}

const NO_MORE = 'it has looked at nothing more since the run';

const lookedAt = ({ findings }: PatrolReport, invariant: string): number =>
  findings.find((finding) => finding.invariant === invariant)?.looked ?? 0;

/** Its findings; what it could not see, or did not decide, is as bad as something wrong. */
function findingsOf({ findings }: PatrolReport, { unseen, suspected }: Verdict): readonly Finding[] {
  const undecided =
    suspected === 0 ? [] : [`the online probe suspects ${suspected} things and has not decided on them`];
  return findings.map((finding) => {
    const reasons = unseen.get(finding.invariant);
    const failed = [
      ...(reasons === undefined ? [] : [`the online probe could not see it: ${reasons.join('; ')}`]),
      // It does not say of which invariant.
      ...undecided,
    ];
    return {
      ...finding,
      claim: `as the online probe sees it: ${finding.claim}`,
      wrongCount: finding.wrongCount + failed.length,
      wrong: [...finding.wrong, ...failed],
    };
  });
}
