// One process that is kept running:
//
//   waiting ──► starting ──► ready ──► restarting ──► ready …        given-up: it died at once, again and again
//                                └──────────────► stopping ──► stopped

import { setTimeout as delay } from 'node:timers/promises';
import type { Running } from './server-process.ts';

const PAUSE_FIRST_MS = 50;
const PAUSE_MAX_MS = 2_000;
/** One that lived this long after it was ready counts as healthy again: the pauses start over. */
const HEALTHY_MS = 5_000;
const FAILURES_MAX = 10;

/** One process of a supervisor's set. */
export type Unit = {
  /** Unique; for messages, and what others name in `after`. */
  readonly name: string;
  /** Who must be ready before it is started for the first time. */
  readonly after?: readonly string[];
  /** Starts it and resolves once it serves; called again after it died, and must then serve where it did before. */
  start(signal: AbortSignal): Promise<Running>;
};

export type State = 'waiting' | 'starting' | 'ready' | 'restarting' | 'given-up' | 'stopping' | 'stopped';

/** A state and, where there is one, the reason: "was ended by SIGKILL". */
export type Change = {
  readonly name: string;
  readonly state: State;
  /** While it is ready. */
  readonly pid: number | undefined;
  readonly reason: string | undefined;
};

export type KeepOptions = {
  readonly onChange?: (change: Change) => void;
  /** Called for each unit that failed ten times in a row and is left alone. */
  readonly onGiveUp?: (message: string) => void;
  /** The longest pause before a process is started again, in ms; default 2,000. */
  readonly pauseMaxMs?: number;
};

export type KeptUnit = {
  /** Rejects when the first start fails. */
  readonly ready: Promise<void>;
  change(): Change;
  hold(): Promise<void>;
  release(): void;
  /** To be called when `stopped` is aborted. Never rejects. */
  stop(): Promise<void>;
};

/** Starts a unit when what it needs is there, and again whenever it died, until `stopped`. */
export function keepUnit(unit: Unit, needed: Promise<unknown>, stopped: AbortSignal, options: KeepOptions): KeptUnit {
  const { onChange = () => {}, onGiveUp = () => {}, pauseMaxMs = PAUSE_MAX_MS } = options;
  const { name } = unit;
  let state: State = 'waiting';
  let reason: string | undefined;
  let running: Running | undefined;
  let attempt: Promise<unknown> = Promise.resolve();
  let held: { readonly released: Promise<void>; release(): void } | undefined;

  const change = (): Change => ({ name, state, pid: state === 'ready' ? running?.pid : undefined, reason });
  const enter = (next: State, why?: string): void => {
    state = next;
    reason = why;
    onChange(change());
  };

  async function start(): Promise<void> {
    const starting = unit.start(stopped);
    attempt = starting.catch(() => {});
    running = await starting;
    if (!stopped.aborted) enter('ready');
  }

  async function startFirst(): Promise<void> {
    await needed;
    stopped.throwIfAborted();
    enter('starting');
    await start();
    void keepRunning();
  }

  async function keepRunning(): Promise<void> {
    let failures = 0;
    for (let readyAt = Date.now(), how = ''; ; ) {
      if (running) how = await running.exited;
      running = undefined;
      if (stopped.aborted) return;
      if (!held) {
        failures = readyAt > 0 && Date.now() - readyAt >= HEALTHY_MS ? 1 : failures + 1;
        if (failures > FAILURES_MAX) return giveUp(how);
        enter('restarting', how);
        await pause(Math.min(PAUSE_FIRST_MS * 2 ** (failures - 1), pauseMaxMs));
      }
      if (held) await untilReleased();
      if (stopped.aborted) return;
      readyAt = 0;
      await start().then(
        () => (readyAt = Date.now()),
        (error: unknown) => (how = `did not start again (${(error as Error).message})`),
      );
    }
  }

  async function untilReleased(): Promise<void> {
    enter('stopped', 'it is held');
    await Promise.race([held?.released, aborted()]);
    if (!stopped.aborted) enter('restarting', 'it is released');
  }

  const aborted = () =>
    new Promise<void>((resolve) => {
      if (stopped.aborted) resolve();
      else stopped.addEventListener('abort', () => resolve(), { once: true });
    });

  const pause = (ms: number) => delay(ms, undefined, { signal: stopped }).catch(() => {});

  function giveUp(how: string): void {
    enter('given-up', how);
    onGiveUp(`${name} ${how}. It failed ${FAILURES_MAX} times in a row and is not started again.`);
  }

  return {
    ready: startFirst(),
    change,
    async hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held ??= { released: promise, release: resolve };
      await attempt;
      await running?.stop();
    },
    release() {
      held?.release();
      held = undefined;
    },
    async stop() {
      await attempt; // a start that is under way gives up by its signal
      if (running) {
        enter('stopping');
        await running.stop();
      }
      enter('stopped');
    },
  };
}
