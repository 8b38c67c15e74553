// `npm run chaos -- --profile commit|nightly|release [--seed N] [--runs 1-40] [--fault kill,pause]
//                  [--target orders] [--out FOLDER]`
// `npm run chaos -- --merge PART.json … [--out FOLDER]`
//
//   runs ─► report.json (after every run), report.html (at the end), with the history of each run beside them
//
// Exit status 0: everything was looked at and nothing is wrong. 1: something is, or nothing was shown. 2: wrong words.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingForEdges } from '../../infra/local/cluster/cluster.fixture.ts';
import { createProgress } from '../progress.ts';
import { campaign } from './campaign.ts';
import { type CampaignWish, commandOf, type MergeWish, readWish, WrongWords } from './command.ts';
import { profiles } from './profiles.ts';
import { caveatsOf, impossibleKinds } from './report/caveats.ts';
import { isWhole, merged } from './report/merging.ts';
import { pageOf } from './report/page.ts';
import { type Bars, failures, type Restricted, type Result } from './report/result.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SEED_LIMIT = 2 ** 32;
/** A part of a campaign, or one of some kinds only, shows as much less. */
const PART_BARS: Bars = { faults: 1, kinds: 1, mayBeUnseen: ['L3', 'L5', 'L6'] };

/** What is checked out, as git says; nothing where there is no git. */
function commitOf(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { cwd: ROOT, stdio: 'pipe' }).toString().trim();
  } catch {
    return '';
  }
}

function keep(folder: string, result: Result): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(result)}\n`);
}

/** Draws the page, and says how it went. @returns the exit status */
async function finish(folder: string, result: Result): Promise<number> {
  const bars = isWhole(result, profiles[result.profile]) ? profiles[result.profile].atLeast : PART_BARS;
  keep(folder, result);
  writeFileSync(join(folder, 'report.html'), await pageOf(result, bars, commandOf(askedFor(result))));
  return tell(result, bars, folder);
}

/** What brings about the same result, in parts or as one. */
function askedFor({ profile: name, seed, wanted, restricted = {} }: Result): Omit<CampaignWish, 'out'> {
  const profile = profiles[name];
  const [first, last] = [Math.min(...wanted), Math.min(Math.max(...wanted), profile.runs)];
  return { profile, seed, runs: { first, last }, ...restricted };
}

/** @returns the exit status */
function tell(result: Result, bars: Bars, folder: string): number {
  const wrong = failures(result, bars);
  for (const sentence of wrong) console.error(`  ${sentence}`);
  for (const sentence of caveatsOf(result)) console.log(`  ${sentence}`);
  const operations = result.runs.reduce((sum, run) => sum + run.operations.all, 0);
  const impossible = [...impossibleKinds(result.runs).keys()];
  const verdict = wrong.length === 0 ? 'nothing was lost, doubled or oversold' : 'FAILED';
  const untried = impossible.length === 0 ? '' : ` (impossible here, and not tried: ${impossible.join(', ')})`;
  console.log(
    `chaos: ${result.runs.length} runs, ${operations.toLocaleString('en')} operations, seed ${result.seed}: ${verdict}${untried}; ${relative(process.cwd(), folder)}/report.html`,
  );
  return wrong.length === 0 ? 0 : 1;
}

async function make(wish: CampaignWish): Promise<number> {
  const missing = missingForEdges();
  if (missing !== undefined) {
    console.error(`chaos: ${missing}`);
    return 1;
  }
  const { profile, seed, runs, kinds, target } = wish;
  const restricted: Restricted = {
    ...(kinds === undefined ? {} : { kinds }),
    ...(target === undefined ? {} : { target }),
  };
  const isRestricted = Object.keys(restricted).length > 0;
  const isAll = runs.first === 1 && runs.last === profile.runs && !isRestricted;
  const part = isAll ? '' : `-${runs.first}-${runs.last}`;
  const folder = wish.out ?? join(ROOT, '.cache', 'chaos', `${profile.name}-${seed}${part}-${Date.now().toString(36)}`);
  mkdirSync(folder, { recursive: true });
  const told = (result: Result): Result => (isRestricted ? { ...result, restricted } : result);
  console.log(`chaos: ${commandOf(wish)}`);
  const breaker = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => breaker.abort(new Error(`${signal}: broken off`)));
  const progress = createProgress(process.stderr);
  const result = await campaign({
    profile,
    seed,
    runs,
    ...(kinds === undefined ? {} : { kinds }),
    ...(target === undefined ? {} : { target }),
    folder,
    commit: commitOf(),
    say(what) {
      progress.end();
      console.log(`  ${new Date().toISOString().slice(11, 19)} ${what}`);
    },
    show: process.stderr.isTTY ? (what, done, all) => progress.show(what, done, all) : () => undefined,
    // The page is drawn at the end: a hundred plots take seconds.
    onRun: (sofar) => keep(folder, told(sofar)),
    signal: breaker.signal,
  });
  progress.end();
  return await finish(folder, told(result));
}

async function merge({ merge: files, out }: MergeWish): Promise<number> {
  const result = together(files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Result));
  return await finish(out ?? join(ROOT, '.cache', 'chaos', `${result.profile}-${result.seed}-merged`), result);
}

/** What does not belong together is a mistake of whoever named it. */
function together(parts: readonly Result[]): Result {
  try {
    return merged(parts);
  } catch (error) {
    throw new WrongWords(`--merge: ${(error as Error).message}`, { cause: error });
  }
}

try {
  const wish = readWish(process.argv.slice(2), Math.floor(Math.random() * SEED_LIMIT));
  process.exitCode = 'merge' in wish ? await merge(wish) : await make(wish);
} catch (error) {
  console.error(`chaos: ${error instanceof WrongWords ? error.message : ((error as Error).stack ?? String(error))}`);
  process.exitCode = error instanceof WrongWords ? 2 : 1;
}
