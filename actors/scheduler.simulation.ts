// The hostile scheduler of the simulation: one seed decides everything that may go one way or another.
//
//   agenda: things that wait, each with the earliest time it may happen ──draw──► one of those that are due
//
// In an orderly run the messages of one pair (sender, receiver) keep their order, as the outbox promises. In a
// disorderly run nothing does: the actors must be right without the promise too.

/** Draws from a seed; equal seeds draw alike. */
export interface Chance {
  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number;
  percent(likelihood: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** A generator of 32-bit numbers (Mulberry32, by Tommy Ettinger), enough to shuffle with. */
export function chanceOf(seed: number): Chance {
  let state = seed | 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296) * limit);
  };
  return {
    below,
    percent: (likelihood) => below(100) < likelihood,
    pick: <T>(items: readonly T[]) => items[below(items.length)] as T,
  };
}

/** Something that waits. `run` answers whether it is done; if not, it waits on in its place. */
export interface Item {
  due: number;
  /** Sender and receiver, if they have an order to keep. */
  readonly pair?: string;
  run(): boolean | void;
}

export interface Agenda {
  /** Milliseconds of simulated time. */
  now(): number;
  add(item: Item): void;
  remove(item: Item): void;
  /** Lets one thing happen; false when nothing waits any more. */
  step(): boolean;
}

/** Most milliseconds that pass between two things that happen. */
const STEP_MS = 120;

/** An agenda that lets happen in any order what is due. */
export function agendaOf(chance: Chance, orderly: boolean): Agenda {
  const items: Item[] = [];
  let now = 0;

  /** In an orderly run only the first of each pair may happen. */
  function firstOfPairs(): readonly Item[] {
    if (!orderly) return items;
    const seen = new Set<string>();
    return items.filter(({ pair }) => {
      if (pair === undefined) return true;
      const first = !seen.has(pair);
      seen.add(pair);
      return first;
    });
  }

  const remove = (item: Item): void => {
    const at = items.indexOf(item);
    if (at >= 0) items.splice(at, 1);
  };

  return {
    now: () => now,
    add: (item) => void items.push(item),
    remove,
    step() {
      if (items.length === 0) return false;
      now += chance.below(STEP_MS);
      const possible = firstOfPairs();
      let due = possible.filter((item) => item.due <= now);
      if (due.length === 0) {
        now = possible.reduce((earliest, item) => Math.min(earliest, item.due), Number.MAX_SAFE_INTEGER);
        due = possible.filter((item) => item.due <= now);
      }
      const item = chance.pick(due);
      if (item.run() !== false) remove(item);
      return true;
    },
  };
}
