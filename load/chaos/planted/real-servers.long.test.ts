// Goal: the checkers find bugs by what real servers and processes make of them, not only in a simulation.
// Method: a campaign of one run on a cluster whose nodes carry a bug, under the faults by which it costs somebody
// something; a checker must find one of the invariants broken that are named with the bug. The same faults on the
// unchanged shop find nothing. Which seed found it, by what and how fast, is printed.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { missingForEdges } from '../../../infra/local/cluster/cluster.fixture.ts';
import type { TextChange } from '../../../infra/toolchain/changed-copies.ts';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import { campaign } from '../campaign.ts';
import { CRASHING_NODE } from '../faults/crash-point.ts';
import type { FaultKind } from '../faults/fault.ts';
import { type Profile, profiles } from '../profiles.ts';
import type { Result } from '../report/result.ts';
import { type ServerBug, serverBugs } from './real-servers.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PLANTING = new URL('planting-node.ts', import.meta.url).href;
const SEEDS = [1, 2, 3];
const BUG_MS = 600_000;
const reason = missingForEdges();
const shown = itWhere(reason === undefined, reason ?? '', 'fetched');

let folder: string;
const table: string[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-planted-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  console.log(table.join('\n'));
});

/** Short, and of one kind of fault, again and again. */
const profileOf = (kinds: readonly FaultKind[]): Profile => ({
  ...profiles.commit,
  kinds,
  steps: 5,
  calmMs: [800, 1_600],
  // Work that was lost never comes: a minute more would not change that.
  quietWithinMs: 25_000,
});

const occurrences = ({ file, from }: TextChange): number =>
  readFileSync(join(ROOT, file), 'utf8').split(from).length - 1;

/** The program of a node with these changes. */
function programWith(name: string, changes: readonly TextChange[]): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(
    path,
    `import { plant } from ${JSON.stringify(PLANTING)};
plant(${JSON.stringify(changes)});
await import(${JSON.stringify(pathToFileURL(CRASHING_NODE).href)});
`,
  );
  return path;
}

async function run(
  name: string,
  seed: number,
  { kinds, target, changes }: Pick<ServerBug, 'kinds' | 'target' | 'changes'>,
): Promise<Result> {
  const out = join(folder, `${name}-${seed}`);
  mkdirSync(out);
  return await campaign({
    profile: profileOf(kinds),
    seed,
    runs: { first: 1, last: 1 },
    ...(target === undefined ? {} : { target }),
    program: changes.length === 0 ? CRASHING_NODE : programWith(name, changes),
    folder: out,
    commit: '',
    say: () => {},
  });
}

/** What checkers saw broken, and what they said of it first. */
function broken({ runs }: Result): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { ownFaults = [] } of runs) if (ownFaults[0] !== undefined) found.set('500', ownFaults[0]);
  for (const { findings } of runs)
    for (const { invariant, claim, looked, wrong } of findings)
      if (looked > 0 && wrong.length > 0 && !found.has(invariant)) found.set(invariant, `${claim}: ${wrong[0]}`);
  return found;
}

describe('a bug in a cluster of real servers', () => {
  it('is one of the code as it stands', () => {
    const stale = serverBugs.flatMap(({ changes }) => changes).filter((change) => occurrences(change) !== 1);
    expect(stale).toEqual([]);
  });

  for (const [index, bug] of serverBugs.entries()) {
    shown(
      `is found: ${bug.bug}`,
      async () => {
        const from = performance.now();
        const seen: string[] = [];
        for (const seed of SEEDS) {
          const result = await run(`bug-${index}`, seed, bug);
          const found = broken(result);
          const hit = bug.breaks.find((invariant) => found.has(invariant));
          seen.push(...[...found].map(([invariant, words]) => `seed ${seed}: ${invariant} ${words}`));
          seen.push(...result.runs.flatMap(({ error }) => error ?? []));
          if (hit === undefined) continue;
          const seconds = ((performance.now() - from) / 1_000).toFixed(0);
          const line = `${bug.number ?? '·'} │ ${bug.bug} │ seed ${seed} │ ${seconds} s │ ${[...found.keys()].join(' ')} │ ${found.get(hit)?.slice(0, 200)}`;
          table.push(line);
          console.log(line);
          return;
        }
        throw new Error(`no seed of ${SEEDS.join(', ')} showed it; what was found: ${seen.join('\n') || 'nothing'}`);
      },
      BUG_MS,
    );
  }

  const faults = [
    ...new Map(
      serverBugs.map(({ kinds, target }) => [`${kinds.join('+')} of ${target ?? 'anybody'}`, { kinds, target }]),
    ),
  ];
  for (const [name, { kinds, target }] of faults) {
    shown(
      `is not seen in the shop as it is: ${name}`,
      async () => {
        const result = await run(`none-${name.replaceAll(/\W/g, '-')}`, 1, {
          kinds,
          ...(target === undefined ? {} : { target }),
          changes: [],
        });
        expect([...broken(result)]).toEqual([]);
        expect(result.runs.flatMap(({ error }) => error ?? [])).toEqual([]);
      },
      BUG_MS,
    );
  }
});
