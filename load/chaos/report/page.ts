// The page of a campaign: one HTML file with everything in it, that needs nobody else and nothing from anywhere.

import type { FaultRecord } from '../faults/fault.ts';
import { caveatsOf, machinesOf } from './caveats.ts';
import { gapsOf } from './gaps.ts';
import { recoveryPicture, runPicture, runsPicture } from './pictures.ts';
import {
  type Bars,
  counted,
  failures,
  type Judgement,
  judgements,
  kindsOf,
  type Result,
  type RunResult,
} from './result.ts';
import { decidedOf, rateOf } from './shares.ts';

const STYLE = `
  body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
  h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
  .verdict { padding: .7rem 1rem; border-left: 6px solid; margin: 1rem 0 }
  .passed { border-color: #009e73; background: #e9f7f2 } .failed { border-color: #c1121f; background: #fdecec }
  table { border-collapse: collapse; width: 100%; margin: .5rem 0 } th { text-align: left; color: #5a606a; font-weight: 600 }
  td, th { padding: .25rem .6rem; border-bottom: 1px solid #e6e8eb; vertical-align: top }
  td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } td.bad { color: #c1121f; font-weight: 600 }
  summary { cursor: pointer; padding: .3rem 0 } svg { max-width: 100%; height: auto } small { color: #5a606a }
`;

const count = (n: number) => n.toLocaleString('en');
const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] as string);

/** A table; what is right-aligned is marked by `n` in front of its heading. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumber = headings.map((heading) => heading.startsWith('n:'));
  const cell = (tag: string, text: string, i: number) =>
    `<${tag}${isNumber[i] === true ? ' class="n"' : ''}>${text}</${tag}>`;
  const head = headings.map((heading, i) => cell('th', heading.replace(/^n:/, ''), i)).join('');
  return `<table><tr>${head}</tr>${rows.map((row) => `<tr>${row.map((text, i) => cell('td', text, i)).join('')}</tr>`).join('\n')}</table>`;
}

/**
 * The text of the page.
 * @param command how the campaign is repeated
 */
export async function pageOf(result: Result, atLeast: Bars, command: string): Promise<string> {
  const wrong = failures(result, atLeast);
  const { runs } = result;
  const faults = counted(runs);
  const operations = runs.reduce((sum, run) => sum + run.operations.all, 0);
  const unknown = runs.reduce((sum, run) => sum + run.operations.unknown, 0);
  const rate = rateOf(runs);
  const machines = machinesOf(result).map(
    ({ cores, memoryGiB, system, node }) => `${cores} cores, ${memoryGiB} GiB, ${system}, node ${node}`,
  );
  const verdict =
    wrong.length === 0
      ? `<p class="verdict passed"><b>Nothing was lost, doubled or oversold.</b></p>`
      : `<div class="verdict failed"><b>${wrong.length === 1 ? 'This is wrong' : `${wrong.length} things are wrong`}:</b><ul>${wrong.map((sentence) => `<li>${escaped(sentence)}</li>`).join('')}</ul></div>`;
  const parts = [
    `<h1>Souk under faults: ${result.profile}, seed ${result.seed}</h1>`,
    `<p>${count(runs.length)} ${runs.length === 1 ? 'run' : 'runs'}, ${count(operations)} operations (${count(unknown)} with unknown outcome${rate === undefined ? '' : `; ${rate.toFixed(1)} a second where there was no overload`}), ${count(faults.length)} faults of ${kindsOf(faults).size} kinds with evidence, in ${seconds(result.tookMs)}.<br><small>${escaped(result.began)} · ${machines.join(' and ')} · ${escaped(result.commit)} · <code>${escaped(command)}</code></small></p>`,
    verdict,
    ...caveatsOf(result).map((sentence) => `<p class="verdict">${escaped(sentence)}</p>`),
    ...(runs.length > 1 ? [await runsPicture(result)] : []),
    '<h2>What must be so</h2>',
    invariantsTable(result),
    '<h2>What went wrong on purpose</h2>',
    faults.some(({ recoveryMs }) => recoveryMs !== undefined) ? await recoveryPicture(result) : '',
    faultsTable(result),
    '<h2>Operations</h2>',
    operationsTable(runs),
    '<h2>Runs</h2>',
    ...(await Promise.all(runs.map((run) => runPart(run, runs.length === 1)))),
  ];
  return `<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Souk under faults: ${result.profile}, seed ${result.seed}</title><style>${STYLE}</style>\n<body>\n${parts.join('\n')}\n</body></html>\n`;
}

function invariantsTable({ runs }: Result): string {
  const shares = new Map(decidedOf(runs).map((decided) => [decided.claim, decided]));
  /** Where, and how much of what there was, if somebody counted that. */
  const scope = (claim: string, all: Judgement['findings']) => {
    const seen = new Set(all.filter(({ looked }) => looked > 0).map(({ run }) => run)).size;
    const { share, looked, unseen } = shares.get(claim) ?? { share: 1, looked: 0, unseen: 0 };
    const told = [
      ...(runs.length === 1 ? [] : [`in ${seen} of ${runs.length} runs`]),
      ...(share === 1 ? [] : [`${(100 * share).toFixed(1)} % of ${count(looked + unseen)}`]),
    ];
    return told.length === 0 ? '' : `<br><small>${told.join(', ')}</small>`;
  };
  const rows = judgements({ runs }).flatMap(({ invariant, findings }) =>
    [...Map.groupBy(findings, ({ claim }) => claim)].map(([claim, all]) => {
      const looked = all.reduce((sum, finding) => sum + finding.looked, 0);
      const wrong = all.reduce((sum, finding) => sum + finding.wrongCount, 0);
      const gaps = gapsOf(all, runs.length).map((gap) => `<br><small>${escaped(gap)}</small>`);
      return [
        invariant,
        `${escaped(claim)}${gaps.join('')}`,
        looked === 0 ? '–' : `${count(looked)} ${escaped(all[0]?.of ?? '')}${scope(claim, all)}`,
        wrong === 0 ? (looked === 0 ? '–' : 'holds') : `<span style="color:#c1121f">violated ${count(wrong)} ×</span>`,
      ];
    }),
  );
  return table(['', 'claim', 'n:looked at', ''], rows);
}

function faultsTable({ runs }: Result): string {
  const faults = runs.flatMap((run) => run.faults);
  const rows = [...Map.groupBy(faults, ({ kind }) => kind)]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([kind, all]) => {
      const shown = all.filter(({ evidence }) => evidence.length > 0);
      const recoveries = shown
        .flatMap(({ recoveryMs }) => (recoveryMs === undefined ? [] : [recoveryMs]))
        .toSorted((a, b) => a - b);
      const at = (share: number) => {
        const ms = recoveries[Math.floor((recoveries.length - 1) * share)];
        return ms === undefined ? '–' : seconds(ms);
      };
      const example = shown[0] ?? all[0];
      return [
        kind,
        count(all.length),
        count(shown.length),
        at(0.5),
        at(1),
        `<small>${escaped(exampleOf(example))}</small>`,
      ];
    });
  return table(['kind', 'n:injected', 'n:with evidence', 'n:recovery, median', 'n:longest', 'for instance'], rows);
}

function exampleOf(fault: FaultRecord | undefined): string {
  if (fault === undefined) return '';
  return `${fault.target}: ${fault.evidence[0] ?? fault.error ?? fault.refused ?? 'no evidence'}`;
}

function operationsTable(runs: readonly RunResult[]): string {
  const kinds = new Map<string, number>();
  for (const { operations } of runs)
    for (const [kind, n] of Object.entries(operations.kinds)) kinds.set(kind, (kinds.get(kind) ?? 0) + n);
  const rows = [...kinds].toSorted(([, a], [, b]) => b - a).map(([kind, n]) => [kind, count(n)]);
  return table(['kind', 'n:operations'], rows);
}

async function runPart(run: RunResult, open: boolean): Promise<string> {
  const { operations, number, seed, quietMs } = run;
  const broken = run.findings.filter(({ wrongCount }) => wrongCount > 0).length;
  const head = `Run ${number} (seed ${seed}): ${count(operations.all)} operations, ${run.faults.length} faults, ${
    quietMs === undefined ? 'never quiet' : `quiet after ${seconds(quietMs)}`
  }${broken === 0 ? '' : ` — <span style="color:#c1121f">${broken} claims violated</span>`}`;
  const faults = run.faults.map(({ kind, target, from, to, recoveryMs, evidence, error, refused, violations = [] }) => [
    seconds(from - run.from),
    kind,
    escaped(target),
    seconds(to - from),
    recoveryMs === undefined ? '–' : seconds(recoveryMs),
    `<small>${escaped([...evidence, ...[error, refused, ...violations].flatMap((text) => (text === undefined ? [] : [`WRONG: ${text}`]))].join('; ') || 'no evidence: does not count')}</small>`,
  ]);
  return `<details${open ? ' open' : ''}><summary>${head}</summary>\n${run.seconds.length === 0 ? '' : await runPicture(run)}\n${table(['n:at', 'kind', 'target', 'n:lasted', 'n:recovery', 'evidence'], faults)}</details>`;
}
