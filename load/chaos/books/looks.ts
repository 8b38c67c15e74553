// Looks every so often until it is stopped; a look that fails is counted with its reason and its time.
//
//   look ─► sample                     the store is away ─► counted, and the next look is made all the same
//     └──► a mistake in the code ─► no look can be believed any more: `stop` rejects with it

/** Reasons that are told one by one; more are counted together. */
const REASONS_MAX = 20;
/** What only code that is wrong throws. By their names, since errors of Node itself may be of another realm. */
const mistakes: ReadonlySet<unknown> = new Set(['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError']);

export interface Looks<T> {
  readonly samples: readonly T[];
  /** Looks that failed. */
  readonly skipped: number;
  /** Why, each with how often: `12 × connect ECONNREFUSED 127.0.0.1:5432`. */
  readonly reasons: readonly string[];
  /** When those that failed began, in milliseconds since 1970 by this machine's clock, which is PostgreSQL's too. */
  readonly failedAt: readonly number[];
  /**
   * Makes one more look, and ends. Safe to call twice.
   * @throws the first mistake in the code that a look met
   */
  stop(): Promise<readonly T[]>;
}

export interface LooksOptions<T> {
  readonly look: () => Promise<T>;
  readonly everyMs: number;
  /** More samples, and times of failures, are not kept. */
  readonly keepMax: number;
  /** Called once, after the last look. */
  readonly close: () => Promise<void>;
}

/** Begins to look; `stop` it. */
export function startLooks<T>({ look, everyMs, keepMax, close }: LooksOptions<T>): Looks<T> {
  const samples: T[] = [];
  const failedAt: number[] = [];
  const counts = new Map<string, number>();
  let skipped = 0;
  let mistake: { readonly error: unknown } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let stopping: Promise<readonly T[]> | undefined;

  async function lookOnce(): Promise<void> {
    const at = Date.now();
    try {
      const sample = await look();
      if (samples.length < keepMax) samples.push(sample);
    } catch (error) {
      if (mistakes.has((error as Error | undefined)?.name)) mistake ??= { error };
      skipped += 1;
      if (failedAt.length < keepMax) failedAt.push(at);
      const reason = reasonOf(error);
      const key = counts.has(reason) || counts.size < REASONS_MAX ? reason : 'other reasons';
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  async function round(): Promise<void> {
    const begun = performance.now();
    await lookOnce();
    if (isStopped || mistake !== undefined) return;
    timer = setTimeout(next, Math.max(0, everyMs - (performance.now() - begun)));
  }
  let looking = round();
  function next(): void {
    looking = round();
  }

  return {
    samples,
    failedAt,
    get skipped() {
      return skipped;
    },
    get reasons() {
      return [...counts].map(([reason, count]) => `${count} × ${reason}`);
    },
    stop: () => (stopping ??= end()),
  };

  async function end(): Promise<readonly T[]> {
    isStopped = true;
    clearTimeout(timer);
    await looking;
    if (mistake === undefined) await lookOnce();
    await close();
    if (mistake !== undefined) throw mistake.error;
    return samples;
  }
}

/** Several addresses that refuse are one error without a message, but with their code. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Object)) return String(error);
  const { message, code, name } = error as Partial<NodeJS.ErrnoException>;
  return message || (code ?? name ?? 'an error without a message');
}
