// The pictures of a summary: orders by day, revenue by month, and how large orders are.

import { COLOURS, toSvg } from './plots.ts';
import type { OrderSeen, Summary } from './summary.ts';

const WIDTH = 760;
const HEIGHT = 240;
const MS_PER_DAY = 86_400_000;

/** Pounds of ten-thousandths, for drawing only: a picture needs no exact digits. */
const drawn = (tenThousandths: bigint) => Number(tenThousandths) / 10_000;

/** File names and their texts. */
export async function drawPictures(summary: Summary, orders: readonly OrderSeen[]): Promise<Record<string, string>> {
  return {
    'orders-per-day.svg': await ordersPerDay(summary),
    'revenue-per-month.svg': await revenuePerMonth(summary),
    'pieces-per-order.svg': await piecesPerOrder(summary, orders),
  };
}

function ordersPerDay({ days }: Summary): Promise<string> {
  const byDay = new Map(days.map(({ day, orders }) => [day, orders]));
  const [first, last] = [days.at(0)?.day, days.at(-1)?.day];
  const values: { day: string; orders: number }[] = [];
  // Days without trade are days too.
  for (let at = Date.parse(first ?? ''); at <= Date.parse(last ?? ''); at += MS_PER_DAY) {
    const day = new Date(at).toISOString().slice(0, 10);
    values.push({ day, orders: byDay.get(day) ?? 0 });
  }
  return toSvg({
    title: { text: 'Orders per day', subtitle: 'by date of the invoice; days without trade are empty' },
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    mark: { type: 'bar', color: COLOURS.first },
    encoding: {
      x: {
        field: 'day',
        type: 'temporal',
        timeUnit: 'utcyearmonthdate',
        title: null,
        axis: { format: '%b %Y', tickCount: 'month' },
      },
      y: { field: 'orders', type: 'quantitative', title: 'orders' },
    },
  });
}

function revenuePerMonth({ months }: Summary): Promise<string> {
  const values = months.flatMap(({ month, gross, refunded }) => [
    { month, what: 'kept', pounds: drawn(gross - refunded) },
    { month, what: 'paid back', pounds: drawn(refunded) },
  ]);
  return toSvg({
    title: {
      text: 'Revenue per month',
      subtitle: 'GBP, by month of the order; what was paid back of it, whenever that was',
    },
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    mark: { type: 'bar', width: { band: 0.7 } },
    encoding: {
      x: { field: 'month', type: 'ordinal', title: null, axis: { labelAngle: 0 } },
      y: { field: 'pounds', type: 'quantitative', title: 'GBP', axis: { format: ',.0f' } },
      color: {
        field: 'what',
        type: 'nominal',
        title: null,
        scale: { domain: ['kept', 'paid back'], range: [COLOURS.first, COLOURS.second] },
      },
      order: { field: 'what' },
    },
  });
}

/** One point an order: most are small, one is not. */
function piecesPerOrder({ largest }: Summary, orders: readonly OrderSeen[]): Promise<string> {
  const bins = new Map<number, number>();
  for (const { lines } of orders) {
    const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0);
    const bin = Math.floor(4 * Math.log10(Math.max(1, pieces))) / 4;
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  const values = [...bins].map(([bin, count]) => ({ from: 10 ** bin, to: 10 ** (bin + 0.25), orders: count }));
  const name = largest === undefined ? '' : `${largest.pieces.toLocaleString('en')} pieces`;
  return toSvg({
    title: { text: 'Pieces per order', subtitle: 'both axes logarithmic' },
    width: WIDTH,
    height: HEIGHT,
    layer: [
      {
        data: { values },
        mark: { type: 'bar', color: COLOURS.first },
        encoding: {
          x: { field: 'from', type: 'quantitative', scale: { type: 'log' }, title: 'pieces', axis: { format: ',.0f' } },
          x2: { field: 'to' },
          y: {
            field: 'orders',
            type: 'quantitative',
            scale: { type: 'log', domainMin: 0.7, nice: false },
            title: 'orders',
          },
          y2: { datum: 0.7 },
        },
      },
      {
        data: { values: largest === undefined ? [] : [{ pieces: largest.pieces, orders: 1, name }] },
        mark: { type: 'text', dy: -10, align: 'right', fontWeight: 'bold', color: COLOURS.second },
        encoding: {
          x: { field: 'pieces', type: 'quantitative' },
          y: { field: 'orders', type: 'quantitative' },
          text: { field: 'name' },
        },
      },
    ],
  });
}
