// What a person sees while the shop starts: one line per step, a bar where the share is known, and what to do next.

import type { WriteStream } from 'node:tty';
import { StartRefused } from './start-refused.ts';

const BAR_WIDTH = 30;

/** What a person is told of a shop that has just opened. */
export interface OpenShop {
  readonly url: string;
  readonly dataDir: string;
  /** E-mail address of the first account, and where its password lies if it was made up. */
  readonly staff: { readonly email: string; readonly file: string | undefined };
  readonly products: number;
}

export interface Terminal {
  step(this: void, what: string, share?: number): void;
  welcome(this: void, shop: OpenShop, tookMs: number): void;
  done(this: void, sentence: string): void;
  fail(this: void, sentence: string): void;
}

/** A terminal on a stream; without a TTY (a file, CI) each step is one plain line. */
export function createTerminal(out: WriteStream): Terminal {
  const isTty = out.isTTY;
  let current = '';

  function line(text: string): void {
    out.write(isTty ? `\r\x1b[2K${text}` : `${text}\n`);
  }
  function finish(): void {
    if (isTty && current !== '') out.write('\n');
    current = '';
  }

  return {
    step(what, share) {
      if (what !== current) {
        finish();
        current = what;
        if (!isTty) return line(`  … ${what}`);
      }
      if (!isTty) return;
      line(share === undefined ? `  … ${what}` : `  … ${what} ${bar(share)}`);
    },
    welcome(shop, tookMs) {
      finish();
      out.write(welcomeText(shop, tookMs));
    },
    done(sentence) {
      finish();
      out.write(`\n  ${sentence}\n`);
    },
    fail(sentence) {
      finish();
      process.stderr.write(`\n  The shop did not start. ${sentence}\n`);
    },
  };
}

/**
 * The options that `read` finds after the command; with `--help` among them the usage is shown, and the program ends.
 * @throws StartRefused with the usage, for an option that the command does not have
 */
export function withUsage<T extends { readonly help: boolean }>(usage: string, read: () => T): T {
  let options: T;
  try {
    options = read();
  } catch (error) {
    // What Node adds on positional arguments is no help here.
    const what = (error as Error).message.split(/\. (?:To specify|This command)/, 1)[0];
    throw new StartRefused(`${what}.\n  ${usage}`, { cause: error });
  }
  if (options.help) {
    console.log(usage);
    process.exit(0);
  }
  return options;
}

/** A progress bar of a share between 0 and 1. */
export function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${Math.floor(share * 100)} %`;
}

function welcomeText({ url, staff, products, dataDir }: OpenShop, tookMs: number): string {
  const password = staff.file === undefined ? 'password: ADMIN_PASSWORD' : `password in ${staff.file}`;
  return `
  Souk is open: ${url}   (${(tookMs / 1000).toFixed(1)} s, ${products.toLocaleString('en')} products, data in ${dataDir})

  Three things to try in another terminal:
    curl '${url}/api/v1/products?q=lantern&limit=3'
    npm run replay -- --url ${url}
    npm run repl
  Staff account: ${staff.email}, ${password}
  Ctrl-C stops it; nothing is lost.
`;
}
