// The pictures of a campaign: each run over time with its faults marked, and how soon faults of each kind were forgotten.

import { COLOURS, toSvg } from '../../report/plots.ts';
import type { FaultRecord } from '../faults/fault.ts';
import { counted, type Result, type RunResult, type Second } from './result.ts';

const WIDTH = 820;

const seconds = (run: RunResult, { from, to }: FaultRecord) => ({
  from: (from - run.from) / 1_000,
  to: (to - run.from) / 1_000,
});

/** Outcomes in the order in which they are stacked. */
const outcomes = {
  ok: 'done',
  fail: 'refused by a rule',
  refused: 'come back later (429, 503)',
  unknown: 'no answer',
} as const;
const RED = '#c1121f';
const colours = [COLOURS.third, COLOURS.quiet, COLOURS.second, RED];

/** Throughput, latency and errors of a run over time, with its faults as bands. */
export function runPicture(run: RunResult): Promise<string> {
  const faults = run.faults.map((fault) => ({
    ...seconds(run, fault),
    what: `${fault.kind}: ${fault.target}`.slice(0, 60),
  }));
  const last = run.seconds.length;
  const x = (title: string | null) => ({
    field: 'at',
    type: 'quantitative' as const,
    title,
    scale: { domain: [0, last], nice: false },
  });
  const bands = {
    data: { values: faults },
    mark: { type: 'rect', color: COLOURS.second, opacity: 0.13 },
    encoding: { x: { field: 'from', type: 'quantitative' }, x2: { field: 'to' } },
  } as const;
  const stacked = run.seconds.flatMap((second) =>
    Object.keys(outcomes).map((outcome, order) => ({
      at: second.at,
      order,
      outcome: outcomes[outcome as keyof typeof outcomes],
      operations: second[outcome as keyof Second],
    })),
  );
  const latency = run.seconds.flatMap(({ at, p50, p99 }) => [
    { at, of: 'median', ms: Math.max(1, p50) },
    { at, of: '99 of 100', ms: Math.max(1, p99) },
  ]);
  return toSvg({
    vconcat: [
      {
        title: { text: 'Operations per second', subtitle: 'by their outcome; the bands are the faults' },
        width: WIDTH,
        height: 150,
        layer: [
          bands,
          {
            data: { values: stacked },
            mark: { type: 'area', interpolate: 'step-after' },
            encoding: {
              x: x(null),
              y: { field: 'operations', type: 'quantitative', title: null, stack: true },
              color: {
                field: 'outcome',
                type: 'nominal',
                title: null,
                scale: { domain: Object.values(outcomes), range: colours },
                legend: { orient: 'top', labelLimit: 260 },
              },
              order: { field: 'order' },
            },
          },
        ],
      },
      {
        title: { text: 'Milliseconds to an answer' },
        width: WIDTH,
        height: 110,
        layer: [
          bands,
          {
            data: { values: latency },
            mark: { type: 'line', strokeWidth: 1.5 },
            encoding: {
              x: x('seconds'),
              y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: null },
              color: {
                field: 'of',
                type: 'nominal',
                title: null,
                scale: { domain: ['median', '99 of 100'], range: [COLOURS.first, COLOURS.second] },
                legend: { orient: 'top', labelLimit: 260 },
              },
            },
          },
        ],
      },
      {
        title: { text: 'What went wrong' },
        width: WIDTH,
        height: { step: 16 },
        data: { values: faults },
        mark: { type: 'bar', color: COLOURS.second },
        encoding: {
          x: { field: 'from', type: 'quantitative', scale: { domain: [0, last], nice: false }, title: 'seconds' },
          x2: { field: 'to' },
          y: { field: 'what', type: 'nominal', sort: null, title: null, axis: { labelLimit: 330 } },
        },
      },
    ],
    resolve: { scale: { color: 'independent' } },
  });
}

/** How long after each fault it took until callers were served as before, by kind. */
export function recoveryPicture(result: Result): Promise<string> {
  const values = counted(result.runs).map(({ kind, target, recoveryMs }) => ({
    kind,
    target,
    seconds: Math.max(0.05, (recoveryMs ?? Number.NaN) / 1_000),
    seen: recoveryMs !== undefined,
  }));
  return toSvg({
    title: {
      text: 'Recovery by kind of fault',
      subtitle:
        'seconds from the end of the fault until keyed requests and reads were served as before it; at once stands at 0.05',
    },
    width: WIDTH - 160,
    height: { step: 18 },
    data: { values: values.filter(({ seen }) => seen) },
    layer: [
      {
        mark: { type: 'point', filled: true, opacity: 0.45, size: 45, color: COLOURS.first },
        encoding: {
          x: { field: 'seconds', type: 'quantitative', scale: { type: 'log' }, title: 'seconds' },
          y: { field: 'kind', type: 'nominal', title: null },
        },
      },
      {
        mark: { type: 'tick', thickness: 2, color: COLOURS.second, size: 14 },
        encoding: {
          x: { field: 'seconds', aggregate: 'median', type: 'quantitative' },
          y: { field: 'kind', type: 'nominal' },
        },
      },
    ],
  });
}

/** Operations a second of every run, and how many were sent away or not answered. */
export function runsPicture({ runs }: Result): Promise<string> {
  const values = runs.flatMap(({ number, seconds: all, from, to }) => {
    const length = Math.max(1, (to - from) / 1_000);
    return (['ok', 'refused', 'unknown'] as const).map((outcome) => {
      return { number, what: outcomes[outcome], rate: all.reduce((sum, second) => sum + second[outcome], 0) / length };
    });
  });
  return toSvg({
    title: { text: 'Operations per second, by run' },
    width: WIDTH,
    height: 160,
    data: { values },
    mark: { type: 'line', point: { size: 18 }, strokeWidth: 1 },
    encoding: {
      x: { field: 'number', type: 'quantitative', title: 'run', scale: { nice: false } },
      y: { field: 'rate', type: 'quantitative', title: null },
      color: {
        field: 'what',
        type: 'nominal',
        title: null,
        scale: {
          domain: [outcomes.ok, outcomes.refused, outcomes.unknown],
          range: [COLOURS.third, COLOURS.second, RED],
        },
        legend: { orient: 'top', labelLimit: 260 },
      },
    },
  });
}
