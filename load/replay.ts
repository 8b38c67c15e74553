// `npm run replay -- [--url URL] [--orders FILE…]`: pours a retailer's invoices into a running shop, as its customers and its
// staff would, and compares what the shop then answers with the files and the oracles beside them. Running it again changes
// nothing; a kill in between costs nothing. `replay/run.ts` has the steps, docs/replay.md the rules in words.
//
//   read ─► products ─► orders, write-offs, credit notes ─► reconcile ─► equal, or a list of differences and exit status 1

import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { readSettings } from '../mixins/settings.ts';
import { type EventsReplay, replayEvents } from './replay/events.ts';
import { replayInvoices } from './replay/run.ts';
import { staffSession } from './staff.ts';
import { visit } from './visit.ts';

/** The day that ships with the repository. */
const ONE_DAY = fileURLToPath(new URL('../infra/local/catalogue/online-retail-2010-12-01.csv.gz', import.meta.url));

const say = (line: string) => console.log(line);

function replay(url: string, files: readonly string[]): Promise<boolean> {
  return visit(url, (client, progress) => replayInvoices(client, files, progress, say));
}

function replayClicks(url: string, files: Omit<EventsReplay, 'token' | 'progress' | 'say'>): Promise<boolean> {
  return visit(url, (client, progress) =>
    replayEvents(client, { ...files, token: staffSession(client), progress, say }),
  );
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string', default: `http://127.0.0.1:${readSettings(process.env).port}` },
      orders: { type: 'string', multiple: true },
      // A click stream instead of invoices.
      events: { type: 'string' },
      arrival: { type: 'string' },
      oracle: { type: 'string' },
      day: { type: 'string' },
    },
  });
  const files = [...(values.orders ?? []), ...positionals];
  const { url, events, arrival, oracle, day } = values;
  if (events === undefined && [arrival, oracle, day].some((value) => value !== undefined))
    throw new Error('--arrival, --oracle and --day say more about --events FILE, which is missing');
  if (events !== undefined && files.length > 0)
    throw new Error(`either --events FILE or invoices are replayed, not both: ${files.join(', ')}`);
  const isEqual =
    events === undefined
      ? await replay(url, files.length === 0 ? [ONE_DAY] : files)
      : await replayClicks(url, { file: events, arrival, oracle, day });
  process.exitCode = isEqual ? 0 : 1;
} catch (error) {
  console.error(`Replay: ${(error as Error).message}`);
  process.exitCode = 1;
}
