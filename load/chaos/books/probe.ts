// What the online probe of the cluster says after a run: it has looked on its own all the time, by ways of its own.

import { setTimeout as pause } from 'node:timers/promises';
import { joinAsGuest } from '../../../infra/local/cluster/guest.fixture.ts';
import type { Finding } from '../../../mixins/finding.ts';
import type { ProbeReport } from '../../../services/probe/probe.service.ts';

const FIND_MS = 20_000;
const POLL_MS = 500;
const ASK_MS = 3_000;

export interface ProbedCluster {
  readonly natsUrl: string;
  readonly dataDir: string;
}

/**
 * Asks the probe until it sees nothing wrong any more, for so long: what a fault held up is gone by then, and it looks at
 * what stands every two seconds. @returns what it has looked at, as findings
 * @throws Error if it cannot be asked
 */
export async function askProbe(cluster: ProbedCluster, withinMs: number): Promise<readonly Finding[]> {
  const broker = await joinAsGuest('asks-the-probe', cluster);
  try {
    await broker.waitForServices('probe', FIND_MS, POLL_MS);
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      const isLast = performance.now() > giveUpAt;
      const asked = broker.call<ProbeReport, object>('probe.report', {}, { timeout: ASK_MS });
      const report = await (isLast ? asked : asked.catch(() => undefined));
      if (report !== undefined && (isLast || report.findings.every(({ wrongCount }) => wrongCount === 0)))
        return report.findings.filter(({ looked }) => looked > 0).map(named);
      await pause(POLL_MS);
    }
  } finally {
    await broker.stop();
  }
}

const named = (finding: Finding): Finding => ({
  ...finding,
  claim: `as the online probe sees it: ${finding.claim}`,
});
