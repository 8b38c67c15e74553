// `npm run history`: how far the customers' histories of orders are behind, in a running cluster. `-- --rebuild` writes them
// anew while customers read them: from the log, and from PostgreSQL what the log does not hold (ADR 25).
//
// It finds the cluster as the REPL does, and becomes a node of it for as long as it takes.

import { parseArgs } from 'node:util';
import type { ServiceBroker } from 'moleculer';
import { BadSetting, readSettings } from '../../mixins/settings.ts';
import { NoHistory, rebuildHistory } from '../../services/orders/history/rebuild.ts';
import type { Behind } from '../../services/orders/history/unprojected.ts';
import { findShop, joinShop, NoShop } from './repl/join.ts';
import { createOperator } from './repl/operator.ts';
import { createTerminal } from './terminal.ts';

const terminal = createTerminal(process.stdout);
const none = 'This shop keeps no history: customers’ lists come from PostgreSQL. A cluster (npm run cluster) has one.';

/** @returns what was shown or done, as a sentence; `ok` says whether that is what was asked for */
async function run(broker: ServiceBroker, rebuild: boolean): Promise<{ readonly ok: boolean; readonly said: string }> {
  if (!rebuild) {
    const behind = await broker.call<Behind | null>('orders.historyBehind');
    if (behind === null) return { ok: true, said: none };
    const { orders, oldestMs } = behind;
    if (orders === 0) return { ok: true, said: 'The history is complete: it misses no order.' };
    const age = `, the first of them for ${(oldestMs / 1_000).toFixed(1)} s`;
    return { ok: true, said: `The history misses ${orders} orders${age}; lists show them from PostgreSQL.` };
  }
  let all = 0;
  const { partitions, left } = await rebuildHistory(broker, {
    progress(orders) {
      all = Math.max(all, orders);
      terminal.step('writing the orders anew', all === 0 ? 1 : 1 - orders / all);
    },
  });
  if (left === 0)
    return { ok: true, said: `Rebuilt: every order is there; ${partitions} partitions of the log were read anew.` };
  const said = `${left} orders could not be written: they are too large for DynamoDB, or it does not answer. Lists show them from PostgreSQL.`;
  return { ok: false, said };
}

let broker: ServiceBroker | undefined;
try {
  const { values } = parseArgs({ options: { rebuild: { type: 'boolean', default: false } } });
  const settings = readSettings(process.env);
  broker = await joinShop(findShop(settings), settings, createOperator(), () => {});
  await broker.waitForServices('orders', 5_000, 10);
  const { ok, said } = await run(broker, values.rebuild);
  terminal.done(`History: ${said}`);
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  const { code, name, message } = error as NodeJS.ErrnoException;
  const isPlain =
    error instanceof BadSetting ||
    error instanceof NoShop ||
    error instanceof NoHistory ||
    code?.startsWith('ERR_PARSE_ARGS') === true ||
    // The orders service is away, or has gone meanwhile: what was done so far stays, and may be repeated.
    /^(?:Service|Request|Node)/.test(name);
  if (!isPlain) throw error;
  console.error(`History: ${error instanceof NoHistory ? none : message}`);
  process.exitCode = 1;
} finally {
  await broker?.stop();
}
process.exit();
