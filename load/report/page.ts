// The page of a summary, as Markdown: what the shop tells of a retailer's months, with its pictures.

import { formatExact } from '../../actors/money.ts';
import { exact, type OrderSeen, type Sums, type Summary } from './summary.ts';

/** One entry of `GET /orders/{id}/timeline`. */
export interface TimelineEntry {
  readonly at: string;
  readonly type: string;
}

export interface PageParts {
  readonly summary: Summary;
  /** Timeline of the largest order. */
  readonly timeline: readonly TimelineEntry[];
  /** Where the pictures lie, seen from the page. */
  readonly pictures: string;
  /** Name of the page's own command, with what it was given. */
  readonly command: string;
}

const count = (n: number) => n.toLocaleString('en');
/** Thousands are set apart, all decimals are kept. */
function pounds(tenThousandths: bigint): string {
  const [whole = '', decimals = ''] = formatExact(Number(tenThousandths)).split('.');
  return `${BigInt(whole).toLocaleString('en')}.${decimals}`;
}

/** The text of the page. */
export function pageOf({ summary, timeline, pictures, command }: PageParts): string {
  const { all, months, days } = summary;
  const picture = (file: string, words: string) => `![${words}](${pictures}/${file})`;
  return [
    `# ${months.length} months of a retailer`,
    '',
    `${count(all.orders)} orders of a UK gift retailer, poured into Souk through its REST API and read back from it: every figure here is what the shop answers, every date is that of the invoice. How invoices become orders stands in [replay.md](replay.md). Made by \`${command}\`.`,
    '',
    `| month | orders | lines | pieces | sold, GBP | paid back, GBP | kept, GBP |`,
    `| --- | ---: | ---: | ---: | ---: | ---: | ---: |`,
    ...months.map((month) => row(month.month, month)),
    row('**all**', all),
    '',
    `${count(summary.customers)} customers with an account; ${count(summary.guestOrders)} orders by guests. ${count(days.length)} days with trade. Orders by status: ${Object.entries(
      summary.statuses,
    )
      .sort(([, a], [, b]) => b - a)
      .map(([status, n]) => `${count(n)} \`${status}\``)
      .join(', ')}.`,
    '',
    picture('orders-per-day.svg', 'Orders per day'),
    '',
    picture('revenue-per-month.svg', 'Revenue per month, kept and paid back'),
    '',
    ...largestOf(summary, timeline, picture),
    '## Source',
    '',
    'Online Retail: Daqing Chen, UCI Machine Learning Repository, data set 352, doi [10.24432/C5BW33](https://doi.org/10.24432/C5BW33), [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/).',
    '',
  ].join('\n');
}

function row(name: string, { orders, lines, pieces, gross, refunded }: Sums): string {
  const cells = [count(orders), count(lines), count(pieces), pounds(gross), pounds(refunded), pounds(gross - refunded)];
  return `| ${name} | ${cells.join(' | ')} |`;
}

function largestOf(
  { largest }: Summary,
  timeline: readonly TimelineEntry[],
  picture: (file: string, words: string) => string,
): string[] {
  if (largest === undefined) return [];
  const { order, pieces, date } = largest;
  return [
    `## The order of ${count(pieces)} pieces`,
    '',
    picture('pieces-per-order.svg', 'How many orders have how many pieces'),
    '',
    `Invoice ${order.reference} of ${date.replace('T', ' ')}: ${linesOf(order)}, GBP ${pounds(exact(order.exactTotal.amount))}. In the shop it is \`${order.status}\`, GBP ${order.refunded.amount} paid back. Its life, as its timeline tells it (in the time of the replay):`,
    '',
    ...timeline.map(({ at, type }, i) => `${i + 1}. ${type} (${elapsed(timeline[0]?.at, at)})`),
    '',
  ];
}

const linesOf = ({ lines }: OrderSeen) => (lines.length === 1 ? 'one line' : `${count(lines.length)} lines`);

function elapsed(first: string | undefined, at: string): string {
  const ms = Date.parse(at) - Date.parse(first ?? at);
  return ms < 1_000 ? `after ${ms} ms` : `after ${(ms / 1_000).toFixed(1)} s`;
}
