// A process that ends itself by SIGKILL when it passes a boundary of the saga: what node and campaign tell each other.
//
//   <DATA_DIR>/chaos/crash/<node>.json       ─► at the start, and at each SIGUSR2: where it shall end
//                                            └► <node>.told.json: the process, where it shall end, what it passes and how often
//   the boundary, for the nth time ─► <node>.died.json, on the disk ─► SIGKILL

import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Pass } from '../crash-points/passing.ts';

/** How often a node says what it has passed, in milliseconds. */
const TELL_MS = 1_000;
/** The signal at which a node looks again where it shall end. */
export const CRASH_SIGNAL = 'SIGUSR2';

/** Where a node shall end: when it passes the boundary for the nth time from now on. */
export interface CrashWish {
  readonly boundary: string;
  readonly nth: number;
}

export interface ToldCrash {
  readonly pid: number;
  readonly wish?: CrashWish;
  /** How often each boundary was passed since the process began. */
  readonly passed: Readonly<Record<string, number>>;
}

/** The last words of a process. */
export interface Died extends CrashWish {
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const fileOf = (dataDir: string, node: string, what: '' | '.told' | '.died') =>
  join(dataDir, 'chaos', 'crash', `${node}${what}.json`);

/** Tells a node where to end, at its next signal or start; undefined: nowhere. Its last words are taken away. */
export function wishCrash(dataDir: string, node: string, wish: CrashWish | undefined): void {
  rmSync(fileOf(dataDir, node, '.died'), { force: true });
  if (wish === undefined) rmSync(fileOf(dataDir, node, ''), { force: true });
  else write(fileOf(dataDir, node, ''), wish);
}

/** What the node has said last; undefined: it was not started by crashing-node.ts. */
export function toldCrash(dataDir: string, node: string): ToldCrash | undefined {
  return read(fileOf(dataDir, node, '.told')) as ToldCrash | undefined;
}

/** The last words of the process that ended itself at the boundary; undefined: none did. */
export function lastWords(dataDir: string, node: string): Died | undefined {
  return read(fileOf(dataDir, node, '.died')) as Died | undefined;
}

/** Hears of every boundary that this process passes, and ends it where its file says. */
export function followCrashFile(dataDir: string, node: string): Pass {
  const passed = new Map<string, number>();
  let wish: CrashWish | undefined;
  let left = 0;
  let untold = true;
  const tell = () => {
    if (!untold) return;
    const told: ToldCrash = {
      pid: process.pid,
      ...(wish === undefined ? {} : { wish }),
      passed: Object.fromEntries(passed),
    };
    // A full disk is no reason to end: it is said a little later.
    untold = !written(fileOf(dataDir, node, '.told'), told);
  };
  const look = () => {
    wish = read(fileOf(dataDir, node, '')) as CrashWish | undefined;
    left = wish?.nth ?? 0;
    untold = true;
    tell();
  };
  // Before anybody can read that this process listens.
  process.on(CRASH_SIGNAL, look);
  look();
  setInterval(tell, TELL_MS).unref();

  return (boundary) => {
    passed.set(boundary, (passed.get(boundary) ?? 0) + 1);
    untold = true;
    if (boundary !== wish?.boundary || --left > 0) return undefined;
    const died: Died = { ...wish, pid: process.pid, at: Date.now() };
    // Without its last words nobody would know that it was not killed by another.
    if (!written(fileOf(dataDir, node, '.died'), died, 'on the disk')) return undefined;
    // Its successor lives.
    rmSync(fileOf(dataDir, node, ''), { force: true });
    process.kill(process.pid, 'SIGKILL');
    return new Promise<never>(() => {});
  };
}

function written(file: string, content: object, how?: 'on the disk'): boolean {
  try {
    write(file, content, how);
    return true;
  } catch {
    return false;
  }
}

/** Whole or not at all: somebody may be reading. `on the disk`: this process is about to end. */
function write(file: string, content: object, how?: 'on the disk'): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const handle = openSync(`${file}.new`, 'w', 0o600);
  try {
    writeFileSync(handle, JSON.stringify(content));
    if (how !== undefined) fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(`${file}.new`, file);
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
