// `invariants`: what each context finds in its own store, and what only two of them together can tell: whether payments hold
// what customers owe (I7).
//
//   inventory ─► findings      orders ─► findings, sums ─┬─► equal, but for what is in flight?
//                              payments ─► findings, sums ┘   (asked of the same orders, and no newer one)
//   probe ─► what it has found since it started, beside the provider's own book (I3–I8)

import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceBroker } from 'moleculer';
import { formatMinor } from '../../../actors/money.ts';
import { examine, type Finding } from '../../../mixins/finding.ts';
import { nodesWith } from '../../node/repl-server.ts';
import type { OrdersChecked, OrderSum } from '../../../services/orders/invariants.ts';
import type { PaymentsChecked, PaymentsOf, PaymentSum } from '../../../services/payments/invariants.ts';
import type { ProbeReport } from '../../../services/probe/probe.service.ts';
import { type Print, readOutboxes } from './show-nodes.ts';

/** Payments have 10 s for their slices, and a last statement may take its 2 s. In milliseconds. */
const ANSWER_WITHIN_MS = 14_000;
/** Money moves while it is counted: only a difference that is there every time is one. */
const COMPARISONS_MAX = 3;
const COMPARE_AGAIN_MS = 500;
/** An outbox row that is older is no traffic but a fault (L3), in milliseconds. */
const OUTBOX_LAG_MAX_MS = 30_000;

/** Statuses in which an order has been paid and not wholly given back. */
const paid: ReadonlySet<OrderSum['status']> = new Set(['PAID', 'SHIPPED', 'DELIVERED', 'REFUNDED']);
const NOT_HERE_NOR_PROBED =
  'Not checked here: I1, I2, I9, I10 and I12–I15: they need what clients were told, or the log.';
const NOT_HERE =
  'Not checked here: I1–I4 (but for the shop’s own side), I8–I10 and I12–I15: they need what clients were told, the log, or the provider’s book.';

/** What both sides say of a currency, in minor units. */
export interface Balance {
  readonly currency: string;
  /** Totals of paid orders less what was given back of them. */
  readonly owed: bigint;
  /** Captured less refunded. */
  readonly held: bigint;
  /** Charged, voided or given back at this moment: the provider has not said what became of it. */
  readonly inFlight: bigint;
  /** What of the money held orders need not know yet: unpaid ones may have been paid, and what goes back is not back. */
  readonly heldBefore: bigint;
  /** What of the money owed may have gone back already: orders have not heard of it. */
  readonly goneBefore: bigint;
}

/** Both sides beside each other, by currency. */
export function balancesOf(orders: readonly OrderSum[], payments: readonly PaymentSum[]): readonly Balance[] {
  const currencies = new Set([...orders, ...payments].flatMap(({ currency }) => currency || []));
  return [...currencies].toSorted().map((currency) => {
    const ours = orders.filter((sum) => sum.currency === currency);
    const theirs = payments.filter((sum) => sum.currency === currency);
    const refunding = sumOf(theirs, (sum) => sum.refunding);
    const awaited = sumOf(ours, ({ status, ...sum }) => (status.startsWith('AWAITING') ? sum.total : '0'));
    return {
      currency,
      owed: sumOf(ours, ({ status, ...sum }) =>
        paid.has(status) ? String(BigInt(sum.total) - BigInt(sum.refunded)) : '0',
      ),
      held: sumOf(theirs, (sum) => sum.captured) - sumOf(theirs, (sum) => sum.refunded),
      inFlight: sumOf(theirs, (sum) => sum.charging) + refunding,
      heldBefore: awaited + refunding,
      goneBefore: sumOf(ours, (sum) => sum.refunding),
    };
  });
}

function sumOf<T>(sums: readonly T[], of: (sum: T) => string): bigint {
  return sums.reduce((all, sum) => all + BigInt(of(sum)), 0n);
}

/** Nothing is missing and nothing too much, but for what one side has heard of and the other one has not. */
export function isExplained({ owed, held, heldBefore, goneBefore }: Balance): boolean {
  return held >= owed - goneBefore && held <= owed + heldBefore;
}

interface Money {
  readonly orders: OrdersChecked;
  /** Why there are none. */
  readonly payments: PaymentsChecked | Error;
  readonly balances: readonly Balance[];
}

async function countMoney(broker: ServiceBroker): Promise<Money> {
  const timeout = ANSWER_WITHIN_MS;
  const orders = await broker.call<OrdersChecked, object>('orders.invariants', {}, { timeout });
  const { deadlineMax, from } = orders;
  const which: PaymentsOf = { deadlineMax, ...(from === undefined ? {} : { from }) };
  try {
    const payments = await broker.call<PaymentsChecked, object>('payments.invariants', which, { timeout });
    return { orders, payments, balances: payments.complete ? balancesOf(orders.sums, payments.sums) : [] };
  } catch (error) {
    return { orders, payments: error as Error, balances: [] };
  }
}

/** Counts again while a difference is not explained: it may have moved between the two answers. */
async function settledMoney(broker: ServiceBroker): Promise<Money> {
  for (let comparison = 1; ; comparison++) {
    const money = await countMoney(broker);
    if (money.balances.every(isExplained) || comparison === COMPARISONS_MAX) return money;
    await pause(COMPARE_AGAIN_MS);
  }
}

/** What is said of one finding, or of a context that could not be checked. */
interface Report {
  tell(context: string, finding: Finding): void;
  silent(context: string, error: Error): void;
  readonly print: Print;
}

/** Asks every context, and says of each invariant what was checked, on how many rows, and what was found. */
export async function showInvariants(broker: ServiceBroker, print: Print): Promise<void> {
  const totals = { holds: 0, violated: 0, unchecked: 0 };
  const report: Report = {
    print,
    tell(context, finding) {
      totals[verdictOf(finding)] += 1;
      for (const line of linesOf(context, finding)) print(line);
    },
    silent(context, { message }) {
      totals.unchecked += 1;
      print(`!    ${context} could not be checked: ${message}`);
    },
  };
  const timeout = ANSWER_WITHIN_MS;
  await broker.call<readonly Finding[], object>('inventory.invariants', {}, { timeout }).then(
    (findings) => findings.forEach((finding) => report.tell('inventory', finding)),
    (error: Error) => report.silent('inventory', error),
  );
  await settledMoney(broker).then(
    (money) => showMoney(money, report),
    (error: Error) => report.silent('orders', error),
  );
  report.tell('outboxes', await lagOf(broker));
  print((await showProbe(broker, report)) ? NOT_HERE_NOR_PROBED : NOT_HERE);
  const { holds, violated, unchecked } = totals;
  print(`Invariants: ${holds} hold, ${violated} violated, ${unchecked} with nothing to check.`);
}

/** What the probe says, where there is one. @returns whether there is */
async function showProbe(broker: ServiceBroker, { tell, silent, print }: Report): Promise<boolean> {
  if (!nodesWith(broker, 'probe').some(({ available }) => available)) return false;
  try {
    const { findings, sums, suspected } = await broker.call<ProbeReport, object>(
      'probe.report',
      {},
      { timeout: ANSWER_WITHIN_MS },
    );
    for (const finding of findings) tell('probe', finding);
    for (const { currency, orders, owed, held, owedUnderWay, heldUnderWay } of sums) {
      const underWay = `of which under way ${amount(String(owedUnderWay), currency)} and ${amount(String(heldUnderWay), currency)}`;
      print(
        `     provider: ${orders} orders  owed ${amount(String(owed), currency)}  held ${amount(String(held), currency)}  ${underWay}`,
      );
    }
    if (suspected > 0) print(`     ${suspected} looked wrong for a moment, and are looked at again`);
    return true;
  } catch (error) {
    silent('probe', error as Error);
    return false;
  }
}

function showMoney({ orders, payments, balances }: Money, { tell, silent, print }: Report): void {
  for (const finding of orders.findings) tell('orders', finding);
  for (const { status, currency, orders: count, total, refunded } of orders.sums)
    print(`     orders: ${status}  ${count}  total ${amount(total, currency)}  refunded ${amount(refunded, currency)}`);
  if (payments instanceof Error) {
    silent('payments', payments);
    return;
  }
  for (const finding of payments.findings) tell('payments', finding);
  for (const { status, currency, payments: count, captured, refunded } of payments.sums) {
    const sums = `captured ${amount(captured, currency)}  refunded ${amount(refunded, currency)}`;
    print(`     payments: ${status}  ${count}  ${sums}`);
  }
  const pair = 'orders ↔ payments';
  const claim = 'payments hold what customers owe';
  if (!payments.complete)
    tell(pair, examine('I7', claim, 'orders').finding('payments take longer to sum up than there is time'));
  else if (balances.length === 0) tell(pair, examine('I7', claim, 'orders').finding());
  const looked = orders.sums.reduce((sum, each) => sum + each.orders, 0);
  for (const balance of balances) {
    const compared = examine('I7', `${claim}: ${inWords(balance, isExplained(balance))}`, 'orders');
    compared.look(looked);
    if (!isExplained(balance)) compared.wrong(excess(balance));
    tell(pair, compared.finding(orders.from === undefined ? undefined : `those with ids from ${orders.from} on`));
  }
}

function inWords({ currency, owed, held, inFlight }: Balance, explained: boolean): string {
  const flight = `${inFlight === 0n ? 'nothing' : amount(inFlight, currency)} in flight`;
  const heard = owed === held || !explained ? '' : ', the difference is what only one side has heard of yet';
  return `owed ${amount(owed, currency)}, held ${amount(held, currency)}, ${flight}${heard}`;
}

function excess({ currency, owed, held, heldBefore, goneBefore }: Balance): string {
  return held > owed
    ? `${amount(held - owed - heldBefore, currency)} too much is held`
    : `${amount(owed - goneBefore - held, currency)} is missing`;
}

/** L3: nothing that was committed waits for long. */
async function lagOf(broker: ServiceBroker): Promise<Finding> {
  const lag = examine('L3', 'nothing waits in an outbox for 30 s', 'nodes that were asked');
  const { asked, outboxes, silent } = await readOutboxes(broker);
  lag.look(asked);
  for (const { actor, kind, target, messages, oldestMs } of outboxes) {
    if (oldestMs > OUTBOX_LAG_MAX_MS)
      lag.wrong(`${actor} ─${kind}─► ${target}: ${messages} wait, the oldest for ${Math.round(oldestMs / 1_000)} s`);
  }
  return lag.finding(silent.length === 0 ? undefined : `nodes that answer: ${silent.join('; ')}`);
}

function verdictOf({ wrongCount, looked }: Finding): 'holds' | 'violated' | 'unchecked' {
  if (wrongCount > 0) return 'violated';
  return looked === 0 ? 'unchecked' : 'holds';
}

/** `I5   inventory  0 ≤ reserved ≤ on hand …: holds (1200 SKUs)`, and what is wrong below it. */
export function linesOf(context: string, finding: Finding): readonly string[] {
  const { invariant, claim, looked, of, wrongCount, wrong, partly } = finding;
  const scope = partly === undefined ? '' : `; only ${partly}`;
  const verdict = {
    holds: `holds (${looked} ${of}${scope})`,
    violated: `VIOLATED by ${wrongCount} (${looked} ${of}${scope})`,
    unchecked: `nothing was checked: ${partly ?? `there are no ${of}`}`,
  }[verdictOf(finding)];
  const more = wrongCount - wrong.length;
  return [
    `${invariant.padEnd(4)} ${context}  ${claim}: ${verdict}`,
    ...wrong.map((sentence) => `     ✗ ${sentence}`),
    ...(more > 0 && wrong.length > 0 ? [`     ✗ and ${more} more`] : []),
  ];
}

function amount(minor: bigint | string, currency: string): string {
  if (currency === '') return '0';
  const value = Number(minor);
  return Number.isSafeInteger(value)
    ? `${formatMinor(value, currency)} ${currency}`
    : `${minor} minor units of ${currency}`;
}
