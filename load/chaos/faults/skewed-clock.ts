// The clock of a node, shifted: what Date tells is the machine's time and so many milliseconds. Timers and the monotonic
// clock stay as they are, as they do on a machine whose wall clock is wrong. To be imported before anything else.
//
//   <DATA_DIR>/chaos/clock/<node>.json  ─► at the start, and at each SIGUSR2: the clock jumps while the node works
//                                       └► <node>.told.json: which process has taken it up, and what time it has now

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a node has to say of its clock. */
export interface ToldClock {
  readonly pid: number;
  readonly skewMs: number;
  /** By its clock, ISO 8601. */
  readonly now: string;
}

const folderOf = (dataDir: string): string => join(dataDir, 'chaos', 'clock');
const wishFile = (dataDir: string, node: string): string => join(folderOf(dataDir), `${node}.json`);
const toldFile = (dataDir: string, node: string): string => join(folderOf(dataDir), `${node}.told.json`);

/** The signal at which a node looks at its clock's file again. */
export const CLOCK_SIGNAL = 'SIGUSR2';

/** Writes how far the clock of a node shall be off, in milliseconds; it takes it up at its next start or signal. */
export function wishSkew(dataDir: string, node: string, skewMs: number): void {
  write(wishFile(dataDir, node), { skewMs });
}

/** What the node has said last; undefined: it has no clock that could be shifted. */
export function toldClock(dataDir: string, node: string): ToldClock | undefined {
  return read(toldFile(dataDir, node)) as ToldClock | undefined;
}

/** Shifts Date for this process: `skewMs` is asked at each look at the clock. */
export function shiftDate(skewMs: () => number): void {
  const RealDate = globalThis.Date;
  const realNow = RealDate.now.bind(RealDate);
  RealDate.now = () => realNow() + skewMs();
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, as) => Reflect.construct(target, given.length === 0 ? [RealDate.now()] : given, as),
    apply: (target) => new target(RealDate.now()).toString(),
  });
}

/** Shifts this process's clock as its file says, now and whenever it is told to look again. */
export function followClockFile(dataDir: string, node: string): void {
  let skewMs = 0;
  shiftDate(() => skewMs);
  const look = () => {
    skewMs = (read(wishFile(dataDir, node)) as { readonly skewMs: number } | undefined)?.skewMs ?? 0;
    const told: ToldClock = { pid: process.pid, skewMs, now: new Date().toISOString() };
    write(toldFile(dataDir, node), told);
  };
  look();
  process.on(CLOCK_SIGNAL, look);
}

/** Whole or not at all: somebody may be reading. */
function write(file: string, content: object): void {
  mkdirSync(join(file, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
