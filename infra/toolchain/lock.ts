// `npm run lock`: brings package-lock.json up to date with package.json and repairs it (why: ./lockfile.ts).
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { missing, repaired, type Lockfile } from './lockfile.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const path = `${ROOT}package-lock.json`;

const npm = spawnSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: ROOT, stdio: 'inherit' });
if (npm.status !== 0) process.exit(npm.status ?? 1);

const lock = JSON.parse(readFileSync(path, 'utf8')) as Lockfile;
const whole = repaired(lock);
writeFileSync(path, `${JSON.stringify(whole, null, 2)}\n`);
console.log(`${Object.keys(whole.packages).length} packages locked, ${missing(lock).length} of other platforms added`);
