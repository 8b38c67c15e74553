// A progress line for long commands: a bar on a terminal, a line per tenth elsewhere, both with the rate and the rest.

import type { WriteStream } from 'node:tty';
import { bar } from '../infra/local/terminal.ts';

const TENTHS = 10;
/** A terminal is written to at most so often, in milliseconds. */
const REDRAW_MS = 100;

export interface Progress {
  show(what: string, done: number, all: number): void;
  /** Ends the line. Safe to call twice. */
  end(): void;
}

/** Progress on a stream; `now` gives milliseconds. */
export function createProgress(out: WriteStream, now: () => number = () => performance.now()): Progress {
  let current = '';
  let tenth = -1;
  let first = { at: 0, done: 0 };
  let drawnAt = 0;
  const end = () => {
    if (out.isTTY && current !== '') out.write('\n');
    current = '';
  };
  return {
    show(what, done, all) {
      if (what !== current) {
        end();
        current = what;
        tenth = -1;
        drawnAt = 0;
        first = { at: now(), done };
      }
      const share = all === 0 ? 1 : done / all;
      const pace = paceOf(done - first.done, all - done, now() - first.at);
      if (out.isTTY) {
        if (done < all && now() - drawnAt < REDRAW_MS) return;
        drawnAt = now();
        out.write(`\r\x1b[2K  ${what} ${bar(share)} ${done}/${all}${pace}`);
      } else if (Math.floor(share * TENTHS) > tenth) {
        tenth = Math.floor(share * TENTHS);
        out.write(`  ${what}: ${done} of ${all}${pace}\n`);
      }
    },
    end,
  };
}

/** How fast it goes, and how long the rest will take at that rate: `, 1,234/s, 5 s left`. */
export function paceOf(done: number, left: number, ms: number): string {
  if (done <= 0 || ms <= 0) return '';
  const perSecond = (done * 1_000) / ms;
  const rate = perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en');
  return `, ${rate}/s${left > 0 ? `, ${timeOf(Math.ceil(left / perSecond))} left` : ''}`;
}

function timeOf(seconds: number): string {
  return seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
