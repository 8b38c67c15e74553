// What of a claim nobody looked at, over all runs: in how many of them, and why, the most frequent reason first.

import type { Finding } from '../../../mixins/finding.ts';

/** Reasons that are told one by one; of more only the number is. */
const REASONS_MAX = 2;

/** In sentences without a full stop; empty: all of it was looked at in each run. */
export function gapsOf(findings: readonly (Finding & { readonly run: number })[], runs: number): readonly string[] {
  const partly = findings.flatMap(({ run, looked, partly: why }) =>
    looked > 0 && why !== undefined ? [{ run, why }] : [],
  );
  const never = findings.flatMap(({ run, looked, partly: why = 'there was nothing to look at' }) =>
    looked === 0 ? [{ run, why: why.replace(/^nothing: /, '') }] : [],
  );
  return [
    ...(partly.length === 0 ? [] : [`${shareOf(partly, runs)}only ${reasonsOf(partly)}`]),
    ...(never.length === 0 ? [] : [`${shareOf(never, runs)}not at all: ${reasonsOf(never)}`]),
  ];
}

interface Gap {
  readonly run: number;
  readonly why: string;
}

/** A claim may be made twice in a run: of orders, and of payments. */
const shareOf = (gaps: readonly Gap[], runs: number): string =>
  runs === 1 ? '' : `in ${new Set(gaps.map(({ run }) => run)).size} of ${runs} runs `;

/** Reasons that differ in their numbers and names only are one; its first is told for all. */
function reasonsOf(gaps: readonly Gap[]): string {
  const all = gaps.map(({ why }) => why);
  const alike = [...Map.groupBy(all, (reason) => reason.replaceAll(/\S*\d\S*/g, '…')).values()].toSorted(
    (a, b) => b.length - a.length,
  );
  if (alike.length === 1) return all[0] as string;
  const told = alike.slice(0, REASONS_MAX).map((same) => `${same[0]} (${same.length} ×)`);
  const others = alike.length - told.length;
  return `${told.join(', ')}${others === 0 ? '' : `, and ${others} other reasons`}`;
}
