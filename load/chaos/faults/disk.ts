// The disk under PostgreSQL is slow, stands still, or is full. It is one of its own (own-disk.ts), never the machine's.
//
//   slow    the kernel lets through so many writes a second, to this device alone (cgroup blkio)
//   still   the file system is frozen: nobody's write returns until it is thawed
//   full    a file takes all that is left; the server's log says "No space left on device"

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../../../actors/scheduler.simulation.ts';
import { limitWrites, missingLimit, type OwnDisk } from '../../../infra/local/cluster/own-disk.ts';
import { systemTools } from '../../../infra/local/servers/network-namespace.ts';
import { run } from '../../../infra/local/servers/run.ts';
import type { Fault, FaultKind, FaultSource } from './fault.ts';
import { askPostgres, harmDone, lifting } from './witness.ts';

/** A commit is a few writes; fewer than these, and nothing is done in the time that a statement has. */
const RATES = [15, 30, 60];
const SECONDS = [2, 3, 5, 8];
/** Of a write that is waited for, and how many of them. */
const PROBE_BYTES = 8_192;
/** What a throttled disk is given for all of them, in milliseconds. */
const TIMED_WITHIN_MS = 5_000;
const PROBES = 4;
/** The file system is thawed after this in any case, also if this process has ended. */
const THAW_AT_LAST_SECONDS = 60;
/** What is left is taken in pieces of these sizes, in MiB and KiB. */
const PIECES = ['64M', '4M', '256K', '16K', '4K'];
const PIECES_MAX = 2_000;
const TOOL_MS = 30_000;
const NO_SPACE = 'No space left on device';
const TARGET = 'the disk of postgres';

const NO_DISK = 'PostgreSQL has no disk of its own here (the option `ownDisk` of startTestCluster, for root on Linux).';

type World = Parameters<FaultSource>[0];
type DiskFault = (disk: OwnDisk, world: World) => ReturnType<Fault['inject']>;

/** Few writes a second, or none at all for a while. */
export const slowDisks: FaultSource = ({ cluster: { disk } }, chance) => [
  fault('slow-disk', disk, chance, throttled(chance.pick(RATES)), missingLimit()),
  fault('slow-disk', disk, chance, frozen),
];

/** Nothing is left on it. */
export const fullDisks: FaultSource = ({ cluster: { disk } }, chance) => [fault('full-disk', disk, chance, filled)];

function fault(kind: FaultKind, disk: OwnDisk | undefined, chance: Chance, how: DiskFault, unable?: string): Fault {
  const impossible = disk === undefined ? NO_DISK : unable;
  return {
    kind,
    target: TARGET,
    lastsMs: chance.pick(SECONDS) * 1_000,
    ...(impossible === undefined ? {} : { impossible }),
    async inject(world) {
      if (disk === undefined || impossible !== undefined) throw new Error(impossible);
      return await how(disk, world);
    },
  };
}

const throttled =
  (rate: number): DiskFault =>
  async (disk, world) => {
    const before = await writeTimes(disk);
    world.say(`${TARGET}: ${rate} writes a second`);
    limitWrites(disk, rate);
    const done: number[] = [];
    let meanwhile: readonly number[] = [];
    const { isLifted, healedAt } = lifting();
    return {
      async heal() {
        try {
          const timing = writeTimes(disk, done);
          timing.catch(() => undefined); // told here, or too late to matter
          // Behind thousands of writes of the database one may take minutes; that it takes so long says enough.
          await Promise.race([timing, pause(TIMED_WITHIN_MS)]);
          meanwhile = [...done];
        } finally {
          limitWrites(disk, 0);
        }
        isLifted();
        await untilWritten(world);
      },
      healedAt,
      async evidence(history) {
        const slowness = slownessOf(before, meanwhile);
        return slowness === undefined ? [] : withHarm([slowness], harmDone(history));
      },
    };
  };

/**
 * By how much a throttled disk was slower, as a sentence; undefined: it was not, or hardly.
 * @param meanwhile times of the probe's writes that were done in time; fewer than it makes: the others were not
 */
export function slownessOf(before: readonly number[], meanwhile: readonly number[]): string | undefined {
  const what = `of ${PROBE_BYTES} bytes to it`;
  const done = meanwhile.length;
  if (done < PROBES) {
    const usual = before.reduce((sum, took) => sum + took, 0);
    if (!(TIMED_WITHIN_MS > 2 * usual)) return undefined;
    const share = done === 0 ? 'none was' : `only ${done} ${done === 1 ? 'was' : 'were'}`;
    return `of ${PROBES} writes ${what}, one after another, ${share} on the disk after ${ms(TIMED_WITHIN_MS)}, before all of them after ${ms(usual)}`;
  }
  const [usual, slow] = [quickest(before), quickest(meanwhile)];
  if (!(slow > 2 * usual)) return undefined;
  return `a write ${what} was on the disk after ${ms(slow)}, before after ${ms(usual)} (the quickest of ${PROBES})`;
}

const frozen: DiskFault = async (disk, world) => {
  const before = await writeTimes(disk);
  world.say(`${TARGET}: stands still`);
  const guard = spawn('sh', ['-c', 'sleep "$0"; fsfreeze --unfreeze "$1"', String(THAW_AT_LAST_SECONDS), disk.path], {
    env: systemTools(),
    detached: true,
    stdio: 'ignore',
  });
  guard.on('error', () => {}).unref();
  const thaw = () => tool('fsfreeze', '--unfreeze', disk.path);
  try {
    await tool('fsfreeze', '--freeze', disk.path);
  } catch (error) {
    // The tool may have been ended after its work. The guard would thaw what a later fault freezes.
    await thaw().catch(() => undefined);
    end(guard);
    throw error;
  }
  const { isLifted, healedAt } = lifting();
  const asked = timed(() => writeOnce(disk));
  asked.catch(() => undefined); // told where it is awaited
  let took = 0;
  return {
    async heal() {
      // If it fails, the guard was first; that writes return is what counts.
      await thaw().catch(() => undefined);
      try {
        took = await asked;
      } finally {
        isLifted();
        end(guard);
      }
      await untilWritten(world);
    },
    healedAt,
    async evidence(history) {
      if (!(took > 2 * slowest(before))) return [];
      return withHarm(
        [
          `a write to it, begun when it stood still, was on the disk after ${ms(took)}, before after ${ms(slowest(before))} at most`,
        ],
        harmDone(history),
      );
    },
  };
};

function end({ pid, exitCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGKILL');
}

const filled: DiskFault = async (disk, world) => {
  const log = join(world.cluster.dataDir, 'postgres.log');
  const complaints = () => (existsSync(log) ? readFileSync(log, 'utf8').split(NO_SPACE).length - 1 : 0);
  const [before, free] = [complaints(), freeBytes(disk)];
  world.say(`${TARGET}: full`);
  const pieces: string[] = [];
  const empty = () => {
    for (const piece of pieces) rmSync(piece, { force: true });
  };
  try {
    await fill(disk, pieces);
  } catch (error) {
    empty();
    throw error;
  }
  let left = Number.NaN;
  const { isLifted, healedAt } = lifting();
  return {
    async heal() {
      try {
        await fill(disk, pieces).catch(() => undefined); // what the server has given back meanwhile
        left = freeBytes(disk);
      } finally {
        empty();
      }
      isLifted();
      await untilWritten(world);
    },
    healedAt,
    async evidence(history) {
      // A start of the server begins a new log and keeps the last one beside it.
      const said = complaints() - before;
      const earlier = `${log}.1`;
      const all = said > 0 || !existsSync(earlier) ? said : readFileSync(earlier, 'utf8').split(NO_SPACE).length - 1;
      if (left > PROBE_BYTES) return [];
      return withHarm(
        [
          `${left} bytes were free, before ${free}`,
          ...(all > 0 ? [`the server's log says ${all} times "${NO_SPACE}"`] : []),
        ],
        harmDone(history),
      );
    },
  };
};

/** Takes all that is left, in pieces; a piece that no longer fits is followed by smaller ones. */
async function fill(disk: OwnDisk, pieces: string[]): Promise<void> {
  for (const size of PIECES) {
    while (pieces.length < PIECES_MAX && freeBytes(disk) > 0) {
      const piece = join(disk.path, `souk-ballast-${pieces.length}`);
      pieces.push(piece);
      try {
        await tool('fallocate', '--length', size, piece);
      } catch (error) {
        if (!String(error).includes(NO_SPACE)) throw error;
        break;
      }
    }
  }
}

const freeBytes = ({ path }: OwnDisk): number => {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
};

/** Milliseconds that writes took, each until it was on the disk. `took` has those that are done before the last one is. */
async function writeTimes(disk: OwnDisk, took: number[] = []): Promise<readonly number[]> {
  while (took.length < PROBES) took.push(await timed(() => writeOnce(disk)));
  return took;
}

async function writeOnce({ path }: OwnDisk): Promise<void> {
  const file = join(path, 'souk-probe');
  const handle = await open(file, 'w');
  try {
    await handle.write(Buffer.alloc(PROBE_BYTES, 'x'));
    await handle.datasync();
  } finally {
    await handle.close();
    rmSync(file, { force: true });
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Resolves when PostgreSQL commits again. */
const untilWritten = (world: World): Promise<unknown> =>
  askPostgres(world, (sql) => sql('create temporary table souk_probe as select pg_current_xact_id()'));

const tool = (command: string, ...args: readonly string[]) =>
  run(command, args, { env: systemTools(), timeoutMs: TOOL_MS });
/** What others do on the machine makes a write slower, and none quicker. */
const quickest = (values: readonly number[]): number => Math.min(...values);
const slowest = (values: readonly number[]): number => Math.max(...values);
const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const withHarm = (said: readonly string[], harm: string | undefined): readonly string[] =>
  harm === undefined ? said : [...said, harm];
