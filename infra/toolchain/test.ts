// Runs test levels one after another and adds them up. `npm test` is `unit sim int chaos`.
//
//   levels ──► jest per level (or once for all with --coverage) ──► counts ──► what was not shown ──► "N passed, N failed"
//
// Other arguments go to jest: `npm run test:unit -- stock -t "tombstone"`. `--long` gives simulations many more seeds.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { count, none, plus, summary, type JestReport, type Tally } from './tally.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LONG_RUNS = '20000';
const EXIT_GRACE_MS = 15_000;

/** What each level may use of the machine: tests that own servers run one file at a time. */
const levels = {
  unit: { about: 'no port, no process', workers: '100%', testMs: 5_000, timeLimitMs: 300_000 },
  sim: { about: 'seeded simulations', workers: '100%', testMs: 120_000, timeLimitMs: 1_800_000 },
  int: { about: 'real servers', workers: '1', testMs: 120_000, timeLimitMs: 1_800_000 },
  chaos: { about: 'kills, pauses and partitions', workers: '1', testMs: 600_000, timeLimitMs: 7_200_000 },
  long: { about: 'real servers, for longer', workers: '1', testMs: 1_800_000, timeLimitMs: 7_200_000 },
} as const;
type Level = keyof typeof levels;

const isLevel = (word: string): word is Level => Object.hasOwn(levels, word);

/** One jest process over some levels; resolves with its counts, whatever became of it. */
async function run(names: readonly Level[], jestArguments: readonly string[]): Promise<Tally> {
  console.log(`\n── ${names.map((name) => `${name}: ${levels[name].about}`).join(' · ')}`);
  // Of this run alone: another run may be under way in the same checkout.
  const report = `${ROOT}.cache/test/${names.join('-')}-${process.pid}.json`;
  mkdirSync(`${ROOT}.cache/test`, { recursive: true });
  rmSync(report, { force: true });

  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
      `${ROOT}node_modules/jest/bin/jest.js`,
      '--selectProjects',
      ...names,
      '--json',
      `--outputFile=${report}`,
      `--maxWorkers=${names.some((name) => levels[name].workers === '1') ? '1' : '100%'}`,
      // Jest 30 does not take it from a project's configuration.
      `--testTimeout=${Math.max(...names.map((name) => levels[name].testMs))}`,
      '--passWithNoTests',
      ...jestArguments,
    ],
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const timeLimitMs = Math.max(...names.map((name) => levels[name].timeLimitMs));
  const overdue = watch(
    () => existsSync(report),
    timeLimitMs,
    () => jest.kill('SIGKILL'),
  );
  const code = await new Promise<number | null>((resolve) => jest.once('close', resolve));
  const tally = count(names, readReport(report), code, overdue());
  rmSync(report, { force: true });
  return tally;
}

/** Kills a run that takes too long, or that has reported and still does not end because a test left something open. */
function watch(reported: () => boolean, timeLimitMs: number, kill: () => void): () => string | undefined {
  const started = performance.now();
  let reportedAt: number | undefined;
  let reason: string | undefined;
  const timer = setInterval(() => {
    const now = performance.now();
    if (reportedAt === undefined && reported()) reportedAt = now;
    if (reportedAt !== undefined && now - reportedAt > EXIT_GRACE_MS) reason = 'a test left a handle open';
    else if (now - started > timeLimitMs) reason = `not done after ${timeLimitMs / 60_000} minutes`;
    if (reason !== undefined) kill();
  }, 500);
  return () => {
    clearInterval(timer);
    return reason;
  };
}

function readReport(path: string): JestReport | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as JestReport) : undefined;
}

const words = process.argv.slice(2);
const names = words.filter(isLevel);
const wholeLevels = words.every((word) => isLevel(word) || word.startsWith('--'));
const jestArguments = words.filter((word) => !isLevel(word) && word !== '--long' && word !== '--coverage');
if (words.includes('--long')) process.env['RUNS'] ??= LONG_RUNS;

// The servers that no npm package brings, once; where they cannot be had, the tests that need them say so.
if (names.includes('int') && wholeLevels) {
  const fetched = spawnSync(process.execPath, [`${ROOT}infra/local/servers/fetch.ts`], { stdio: 'inherit' });
  if (fetched.status !== 0 && process.env['CI'] === 'true') process.exit(1);
}

let total = none;
if (words.includes('--coverage')) {
  total = await run(names, ['--coverage', ...jestArguments]);
} else {
  for (const name of names) {
    // The rules are measured on every whole run, because they are held to all of their branches; the rest by `npm run coverage`.
    const measured = name === 'unit' && wholeLevels ? ['--coverage', '--collectCoverageFrom=actors/**/*.ts'] : [];
    total = plus(total, await run([name], [...measured, ...jestArguments]));
  }
}
for (const line of summary(total, wholeLevels)) console.log(line);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
