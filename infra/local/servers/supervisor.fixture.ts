// A process that needs no program: a promise that resolves when it is ended. For tests of the supervisor.

import { setImmediate as turn } from 'node:timers/promises';
import type { Change, Unit } from './supervisor.ts';

let lastPid = 1_000_000;

export interface Played {
  readonly unit: Unit;
  /** How often it was started. */
  starts(): number;
  /** Ends the one that runs now. */
  die(how?: string): void;
}

export interface Part {
  readonly name: string;
  readonly after?: readonly string[];
  /** Called at each start, with its number from 1; what it throws is why the start failed. */
  readonly onStart?: (attempt: number) => void | Promise<void>;
  readonly onStop?: () => void | Promise<void>;
}

/** A unit that is played by this process. */
export function play({ name, after, onStart = () => {}, onStop = () => {} }: Part): Played {
  let starts = 0;
  let end: (how: string) => void = () => {};
  return {
    starts: () => starts,
    die: (how = 'was ended by SIGKILL') => end(how),
    unit: {
      name,
      ...(after && { after }),
      async start() {
        await turn();
        await onStart(++starts);
        const { promise: exited, resolve } = Promise.withResolvers<string>();
        end = resolve;
        const stop = async () => {
          await onStop();
          resolve('ended with status 0');
        };
        return { pid: ++lastPid, exited, stop };
      },
    },
  };
}

/** Changes as they come: `onChange` takes them, and whoever waits for a state of a unit hears of the next one. */
export function journal() {
  const changes: Change[] = [];
  const waiting = new Set<{ text: string; resolve(change: Change): void }>();
  const onChange = (change: Change): void => {
    changes.push(change);
    for (const one of waiting) {
      if (one.text !== `${change.name} ${change.state}`) continue;
      waiting.delete(one);
      one.resolve(change);
    }
  };
  return {
    changes,
    onChange,
    texts: () => changes.map(({ name, state }) => `${name} ${state}`),
    /** The next change to "name state". */
    next: (text: string) => new Promise<Change>((resolve) => waiting.add({ text, resolve })),
  };
}
