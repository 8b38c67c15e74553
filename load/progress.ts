// A progress line for long commands: a bar on a terminal, a line per tenth elsewhere.

import type { WriteStream } from 'node:tty';
import { bar } from '../infra/local/terminal.ts';

const TENTHS = 10;

export interface Progress {
  show(what: string, done: number, all: number): void;
  /** Ends the line. Safe to call twice. */
  end(): void;
}

/** Progress on a stream. */
export function createProgress(out: WriteStream): Progress {
  let current = '';
  let tenth = -1;
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
      }
      const share = all === 0 ? 1 : done / all;
      if (out.isTTY) out.write(`\r\x1b[2K  ${what} ${bar(share)} ${done}/${all}`);
      else if (Math.floor(share * TENTHS) > tenth) {
        tenth = Math.floor(share * TENTHS);
        out.write(`  ${what}: ${done} of ${all}\n`);
      }
    },
    end,
  };
}
