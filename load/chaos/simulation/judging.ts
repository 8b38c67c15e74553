// What is wrong after a run: what the checkers of the campaign found, and what they had nothing to look at for. A run in
// which an invariant could not have been broken shows nothing of it.

import type { Finding } from '../../../mixins/finding.ts';
import type { Evidence } from '../checkers/checker.ts';
import { checkAll } from '../checkers/checkers.ts';

/** What every run has something of. */
const always: readonly string[] = [...Array.from({ length: 15 }, (_, i) => `I${i + 1}`), 'L1', 'L2', 'L4'];

/** Findings of what is not as it should be; none: everything was looked at, and holds. */
export function wrongIn(evidence: Evidence): readonly Finding[] {
  const findings = checkAll(evidence);
  const seen = new Set(findings.filter(({ looked }) => looked > 0).map(({ invariant }) => invariant));
  const unseen = always.filter((invariant) => !seen.has(invariant));
  return [
    ...findings.filter(({ wrongCount }) => wrongCount > 0),
    ...unseen.map((invariant): Finding => {
      const wrong = [`the run left nothing behind by which ${invariant} could be judged`];
      return { invariant, claim: 'there is something to look at', looked: 0, of: 'runs', wrongCount: 1, wrong };
    }),
  ];
}
