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
import { type CampaignWish, type MergeWish, readWish, WrongWords } from './command.ts';
import { pageOf } from './report/page.ts';
import { type Bars, failures, merged, type Result } from './report/result.ts';
import { profiles } from './profiles.ts';

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

async function write(folder: string, result: Result, bars: Bars, command: string): Promise<void> {
  keep(folder, result);
  writeFileSync(join(folder, 'report.html'), await pageOf(result, bars, command));
}

/** Says how it went. @returns the exit status */
function tell(result: Result, bars: Bars, folder: string): number {
  const wrong = failures(result, bars);
  for (const sentence of wrong) console.error(`  ${sentence}`);
  const operations = result.runs.reduce((sum, run) => sum + run.operations.all, 0);
  console.log(
    `chaos: ${result.runs.length} runs, ${operations.toLocaleString('en')} operations, seed ${result.seed}: ${wrong.length === 0 ? 'nothing was lost, doubled or oversold' : 'FAILED'}; ${relative(process.cwd(), folder)}/report.html`,
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
  const isAll = kinds === undefined && target === undefined;
  const isWhole = runs.first === 1 && runs.last === profile.runs && isAll;
  const bars = isWhole ? profile.atLeast : PART_BARS;
  const part = isWhole ? '' : `-${runs.first}-${runs.last}`;
  const folder = wish.out ?? join(ROOT, '.cache', 'chaos', `${profile.name}-${seed}${part}-${Date.now().toString(36)}`);
  mkdirSync(folder, { recursive: true });
  const words = [
    `--profile ${profile.name} --seed ${seed}`,
    ...(runs.first === 1 && runs.last === profile.runs ? [] : [`--runs ${runs.first}-${runs.last}`]),
    ...(kinds === undefined ? [] : [`--fault ${kinds.join(',')}`]),
    ...(target === undefined ? [] : [`--target ${target}`]),
  ];
  const command = `npm run chaos -- ${words.join(' ')}`;
  console.log(`chaos: ${command}`);
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
    onRun: (sofar) => keep(folder, sofar),
    signal: breaker.signal,
  });
  progress.end();
  await write(folder, result, bars, command);
  return tell(result, bars, folder);
}

async function merge({ merge: files, out }: MergeWish): Promise<number> {
  const result = merged(files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Result));
  const isWhole = result.runs.length >= profiles[result.profile].runs;
  const bars = isWhole ? profiles[result.profile].atLeast : PART_BARS;
  const folder = out ?? join(ROOT, '.cache', 'chaos', `${result.profile}-${result.seed}-merged`);
  await write(folder, result, bars, `npm run chaos -- --profile ${result.profile} --seed ${result.seed}`);
  return tell(result, bars, folder);
}

try {
  const wish = readWish(process.argv.slice(2), Math.floor(Math.random() * SEED_LIMIT));
  process.exitCode = 'merge' in wish ? await merge(wish) : await make(wish);
} catch (error) {
  console.error(`chaos: ${error instanceof WrongWords ? error.message : ((error as Error).stack ?? String(error))}`);
  process.exitCode = error instanceof WrongWords ? 2 : 1;
}
