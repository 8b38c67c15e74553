// Goal: at every commit, on a whole cluster with a fault proxy on every edge: ten faults of six kinds and more, one after
// another, under clients of every kind, and nothing is lost, doubled or oversold.
// Method: the campaign of the profile `commit`, as `npm run chaos` runs it; the seed is printed and chooses the faults.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { missingForEdges } from '../../infra/local/cluster/cluster.fixture.ts';
import { itWhere } from '../../infra/toolchain/it-where.ts';
import { campaign } from './campaign.ts';
import { invariants } from './checkers/checkers.ts';
import { profiles } from './profiles.ts';
import { counted, failures, judgements, kindsOf, type Result } from './report/result.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const profile = profiles.commit;
const reason = missingForEdges();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let folder: string;
let result: Result;
const said: string[] = [];

beforeAll(async () => {
  if (reason !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'souk-chaos-'));
  const runs = { first: 1, last: profile.runs };
  result = await campaign({ profile, seed: SEED, runs, folder, commit: '', say: (what) => said.push(what) });
  const { operations } = result.runs[0] ?? { operations: undefined };
  console.log(
    [
      `seed ${SEED}, ${(result.tookMs / 1_000).toFixed(0)} s, ${JSON.stringify(operations)}`,
      ...said,
      ...judgements(result).map(
        ({ invariant, looked, wrongCount }) => `${invariant}: looked at ${looked}, ${wrongCount} wrong`,
      ),
    ].join('\n'),
  );
}, 420_000);

afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

describe(`a campaign of ten faults (seed ${SEED})`, () => {
  shown('finds nothing lost, doubled or oversold, and has looked at everything', () => {
    expect(failures(result, profile.atLeast)).toEqual([]);
  });

  shown('has judged every invariant', () => {
    expect(new Set(judgements(result).map(({ invariant }) => invariant))).toEqual(new Set(invariants));
  });

  shown('has shown that its faults happened', () => {
    const faults = counted(result.runs);
    expect(faults.length).toBeGreaterThanOrEqual(profile.atLeast.faults);
    expect(kindsOf(faults).size).toBeGreaterThanOrEqual(profile.atLeast.kinds);
  });
});
