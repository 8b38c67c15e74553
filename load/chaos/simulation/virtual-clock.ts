// Virtual time for the simulated shop: the clocks and timers of the process are replaced while it runs, and nobody waits.
//
//   everything that can run has run ──► the next timer fires, and the clock stands where it was due ──► …
//
// Hundreds of timers stand at a time, most of them of dead nodes: they lie in a heap, so that the next is found at once.

/** Work that cannot end: nothing is left that could wake it, or it has taken too long. */
export class StandsStill extends Error {
  override name = 'StandsStill';
}

interface Timer {
  at: number;
  /** Of those due at a time, what was set first fires first. */
  order: number;
  readonly run: () => void;
  readonly everyMs: number | undefined;
  isCleared: boolean;
  unref(): Timer;
  ref(): Timer;
  hasRef(): boolean;
}

type Run = (...values: readonly unknown[]) => void;

/** In place of a number of milliseconds: at once, after what is due now. */
const IMMEDIATE = undefined;

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Gives the timer that is due first. */
function heapOf() {
  const heap: Timer[] = [];
  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j] as Timer, heap[i] as Timer];
  };
  return {
    push(timer: Timer): void {
      let at = heap.push(timer) - 1;
      for (let up = (at - 1) >> 1; at > 0 && isBefore(timer, heap[up] as Timer); up = (at - 1) >> 1) {
        swap(at, up);
        at = up;
      }
    },
    pop(): Timer | undefined {
      const [first] = heap;
      const last = heap.pop();
      if (first === undefined || last === undefined || first === last) return first;
      heap[0] = last;
      for (let at = 0; ; ) {
        let least = at;
        for (const down of [2 * at + 1, 2 * at + 2])
          if (down < heap.length && isBefore(heap[down] as Timer, heap[least] as Timer)) least = down;
        if (least === at) return first;
        swap(at, least);
        at = least;
      }
    },
  };
}

const realImmediate = setImmediate;
const turn = (): Promise<void> => new Promise((resolve) => realImmediate(resolve));

/**
 * Does work whose timers fire without anybody waiting for them, from `start` on (milliseconds since 1970).
 * @throws StandsStill if it can never end, or takes longer than `limitMs` of virtual time; otherwise what the work throws.
 */
export async function inVirtualTime<T>(start: number, limitMs: number, work: () => Promise<T>): Promise<T> {
  const timers = heapOf();
  let now = start;
  let orders = 0;

  function set(run: Run, ms: number | undefined, values: readonly unknown[], isRepeated = false): Timer {
    // As timers do: whole milliseconds, and at least one, but for immediates.
    const isImmediate = ms === IMMEDIATE;
    const afterMs = Math.max(Math.trunc(ms ?? 0) || 0, isImmediate ? 0 : 1);
    const timer: Timer = {
      at: now + afterMs,
      order: (orders += 1),
      run: () => run(...values),
      everyMs: isRepeated ? afterMs : undefined,
      isCleared: false,
      unref: () => timer,
      ref: () => timer,
      hasRef: () => true,
    };
    timers.push(timer);
    return timer;
  }

  /** Lets the next timer fire; false: there is none. */
  function fire(): boolean {
    for (let timer = timers.pop(); timer !== undefined; timer = timers.pop()) {
      if (timer.isCleared) continue;
      now = Math.max(now, timer.at);
      if (timer.everyMs !== undefined) {
        Object.assign(timer, { at: now + timer.everyMs, order: (orders += 1) });
        timers.push(timer);
      }
      timer.run();
      return true;
    }
    return false;
  }

  const clear = (timer: Timer | undefined): void => {
    if (timer !== undefined) timer.isCleared = true;
  };
  const RealDate = Date;
  class VirtualDate extends RealDate {
    constructor(...given: readonly number[]) {
      super(...((given.length === 0 ? [now] : given) as [number]));
    }
    static override now(): number {
      return now;
    }
  }
  const restore = replaceGlobals({
    Date: VirtualDate,
    setTimeout: (run: Run, ms?: number, ...values: readonly unknown[]) => set(run, ms ?? 1, values),
    setInterval: (run: Run, ms?: number, ...values: readonly unknown[]) => set(run, ms, values, true),
    setImmediate: (run: Run, ...values: readonly unknown[]) => set(run, IMMEDIATE, values),
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  });
  const realNow = performance.now;
  performance.now = () => now - start;
  try {
    const working = work();
    const state = { isDone: false };
    const end = () => void (state.isDone = true);
    working.then(end, end);
    for (await turn(); !state.isDone; await turn()) {
      if (!fire()) throw new StandsStill('nothing is left to wait for, and the work is not done');
      if (now > start + limitMs) throw new StandsStill(`the work is not done after ${limitMs} ms`);
    }
    return await working;
  } finally {
    performance.now = realNow;
    restore();
  }
}

/** Puts other things in the place of global ones. @returns the way to put them back */
function replaceGlobals(others: Readonly<Record<string, unknown>>): () => void {
  const scope = globalThis as unknown as Record<string, unknown>;
  const before = Object.fromEntries(Object.keys(others).map((name) => [name, scope[name]]));
  Object.assign(scope, others);
  return () => void Object.assign(scope, before);
}
