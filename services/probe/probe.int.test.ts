// The probe over a whole shop: silent while orders, refunds and cancellations are on their way; and each invariant, once it is
// really broken behind the shop's back (in its tables, in the provider's file), is found, told once, and gone when it is
// put right. A second probe with shorter times looks into the same shop; the shop's own must stay silent throughout health.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MikroORM } from '@mikro-orm/postgresql';
import { ServiceBroker } from 'moleculer';
import { type Json, startTestShop, type TestShop, until } from '../../infra/local/shop.fixture.ts';
import { keyOf } from '../../infra/node/keys.ts';
import { probeSources } from '../../infra/node/probe-sources.ts';
import { connectTo } from '../../mixins/postgres/connection.ts';
import type { Platform } from '../../mixins/platform.ts';
import { PROBE_ROLE, signedInAs } from '../../mixins/postgres/roles.ts';
import { openReader, type Reader } from '../../mixins/postgres/reader.ts';
import { type ProbeReport, probeService, TIMING } from './probe.service.ts';
import type { Invariant } from './suspicion.ts';

jest.setTimeout(60_000);

/** As in production, in quick motion. */
const QUICK = {
  ...TIMING,
  settledMs: 400,
  effectMs: 3_000,
  lagMaxMs: 10_000,
  restMs: 20,
  share: 0.5,
  againMs: 100,
  blindMs: 10_000,
};

let shop: TestShop;
let administrator: MikroORM;
let reader: Reader;
let broker: ServiceBroker;
const alerts: { readonly what: string; readonly particulars: Json }[] = [];

beforeAll(async () => {
  shop = await startTestShop();
  const url = shop.postgresUrl;
  administrator = new MikroORM({ ...connectTo(url, 'orders', {}), entities: [], logger: () => {} });
  const secret = (name: string) => keyOf(join(shop.dataDir, 'keys'), name);
  const asProbe = () => signedInAs(url, PROBE_ROLE, secret('database-probe').toString('hex'));
  // The shop's own probe has made the role, and looks at everything by now.
  await until('the shop’s own probe has looked at everything', async () =>
    (await reportOf(shop.broker)).findings.every(({ partly }) => partly === undefined),
  );
  reader = openReader({ url: asProbe(), applicationName: 'test' });
  broker = new ServiceBroker({ logger: false, metrics: true });
  const platform = {
    probe: probeSources({ url: asProbe, providerUrl: shop.providerUrl, secret, applicationName: 'quick probe' }),
    alert: (what: string, particulars: object) => alerts.push({ what, particulars }),
  } as unknown as Platform;
  broker.createService(probeService(platform, QUICK));
  await broker.start();
});
afterAll(async () => {
  await broker?.stop();
  await reader?.close();
  await administrator?.close(true);
  await shop?.stop();
});

const reportOf = (of: ServiceBroker) => of.call<ProbeReport, object>('probe.report', {});
const sql = (text: string, values: readonly unknown[] = []) => administrator.em.fork().execute(text, [...values]);

/** Writes into the provider's own file, beside the provider. */
function inLedger(text: string, ...values: (string | number)[]): void {
  const ledger = new DatabaseSync(join(shop.dataDir, 'provider', 'ledger.sqlite'), { timeout: 5_000 });
  try {
    ledger.prepare(text).run(...values);
  } finally {
    ledger.close();
  }
}

async function wrongOf(invariant: Invariant): Promise<readonly string[]> {
  return (await reportOf(broker)).findings.find((finding) => finding.invariant === invariant)?.wrong ?? [];
}

/** Breaks something, waits until it is found, puts it right, waits until it is gone; told exactly once meanwhile. */
async function foundAndGone(
  invariant: Invariant,
  sentence: RegExp,
  breakIt: () => unknown,
  mendIt: () => unknown,
): Promise<void> {
  const told = () =>
    alerts.filter(({ what, particulars }) => what.includes(invariant) && sentence.test(particulars.what));
  expect(told()).toEqual([]);
  await breakIt();
  try {
    await until(`${invariant}: ${sentence}`, async () =>
      (await wrongOf(invariant)).some((text) => sentence.test(text)),
    );
    // It is looked at again and again meanwhile, and told no second time.
    const { metrics } = await reportOf(broker);
    const counted = metrics.find(
      ({ name, labels }) => name === 'souk_invariant_violations' && labels['invariant'] === invariant,
    );
    expect(counted?.value).toBeGreaterThan(0);
  } finally {
    await mendIt();
  }
  await until(`${invariant} holds again`, async () => (await wrongOf(invariant)).every((text) => !sentence.test(text)));
  expect(told()).toHaveLength(1);
}

const paidOrder = async (price = '2.50') => {
  const product = await shop.product(price, 10);
  const { id } = await shop.place([[product, 2]]);
  return { order: await shop.reaches(id, 'PAID'), product };
};

describe('a healthy shop', () => {
  it('raises nothing while orders are placed, cancelled, declined and refunded', async () => {
    const product = await shop.product('3.10', 1_000);
    const { token } = shop.staff;
    const ids = await Promise.all(
      Array.from({ length: 32 }, async (_, i) => {
        const pay = i < 24 ? 'tok_ok' : (['tok_declined', 'tok_timeout_then_ok', 'tok_error_then_ok'][i % 3] as string);
        const { id } = await shop.place([[product, 1 + (i % 3)]], { pay });
        if (i % 5 === 0) await shop.call(`POST /api/v1/orders/${id}/cancel`, { token });
        else if (i % 4 === 0 && pay === 'tok_ok') {
          await shop.reaches(id, 'PAID');
          await shop.call(`POST /api/v1/orders/${id}/refund`, { token });
        }
        return id as string;
      }),
    );
    await until('every order has come to rest', async () => {
      const orders = await Promise.all(ids.map(shop.orderOf));
      return orders.every(({ status }) => !status.startsWith('AWAITING'));
    });
    const before = (await reportOf(broker)).findings.map(({ looked }) => looked);
    await until('all of it was looked at again', async () => {
      const { findings, suspected } = await reportOf(broker);
      return suspected === 0 && findings.every(({ looked }, i) => looked > (before[i] as number));
    });
    const report = await reportOf(broker);
    expect(
      report.findings.map(({ invariant, wrongCount, wrong, partly }) => ({ invariant, wrongCount, wrong, partly })),
    ).toEqual(
      ['I3', 'I4', 'I5', 'I6', 'I7', 'I8'].map((invariant) => ({
        invariant,
        wrongCount: 0,
        wrong: [],
        partly: undefined,
      })),
    );
    expect(report.sums.map(({ currency }) => currency)).toEqual(['GBP']);
    expect(report.sums.every(({ owed, held }) => owed > 0 && owed === held)).toBe(true);
    expect(alerts).toEqual([]);
  });
});

describe('the role of the probe', () => {
  it.each([
    [`update orders.actors set version = version`, '25006'],
    [`begin read write; update orders.actors set status = 'PAID'; commit`, '42501'],
    [`begin read write; insert into orders.outbox (seq) values (1); commit`, '42501'],
    [`begin read write; delete from inventory.rows; commit`, '42501'],
    [`select body from orders.outbox`, '42501'],
    [`select command from payments.timers`, '42501'],
    [`select answer from inventory.inbox`, '42501'],
    [`select * from users.actors`, '42501'],
    [`set role souk`, '42501'],
  ])('cannot %s', async (text, state) => {
    const orm = new MikroORM({
      ...connectTo(
        signedInAs(shop.postgresUrl, PROBE_ROLE, keyOf(join(shop.dataDir, 'keys'), 'database-probe').toString('hex')),
        'orders',
        {},
      ),
      entities: [],
      logger: () => {},
    });
    try {
      const error = await orm.em.execute(text).catch((reason: unknown) => reason);
      expect((error as { readonly code?: string }).code).toBe(state);
    } finally {
      await orm.close(true);
    }
  });
});

describe('what is broken behind the shop’s back', () => {
  it('I3: an order captured twice, under another payment id', async () => {
    const { order } = await paidOrder();
    const other = `pay_${randomUUID()}`;
    await foundAndGone(
      'I3',
      new RegExp(`order ${order.id} was captured as payment ${other}`),
      () =>
        inLedger(
          `insert into charges (payment_id, order_id, amount, currency, status, at, ready_at) values (?, ?, '5.00', 'GBP', 'succeeded', ?, ?)`,
          other,
          order.id,
          Date.now(),
          Date.now(),
        ),
      () => inLedger('delete from charges where payment_id = ?', other),
    );
  });

  it('I3: another amount than the order’s total', async () => {
    const { order } = await paidOrder();
    await foundAndGone(
      'I3',
      new RegExp(`5.01 GBP were captured for order ${order.id}, which costs 5.00 GBP`),
      () => inLedger(`update charges set amount = '5.01' where order_id = ?`, order.id),
      () => inLedger(`update charges set amount = '5.00' where order_id = ?`, order.id),
    );
  });

  it('I4: a charge without an order', async () => {
    const orderId = randomUUID();
    await foundAndGone(
      'I4',
      new RegExp(`captured for order ${orderId}, which does not exist`),
      () =>
        inLedger(
          `insert into charges (payment_id, order_id, amount, currency, status, at, ready_at) values (?, ?, '7.00', 'GBP', 'succeeded', 0, 0)`,
          `pay_${orderId}`,
          orderId,
        ),
      () => inLedger('delete from charges where order_id = ?', orderId),
    );
  });

  it('I4: a paid order without a charge', async () => {
    const { order } = await paidOrder();
    const rename = (from: string, to: string) =>
      inLedger(
        'update charges set payment_id = ?, status = ? where payment_id = ?',
        to,
        to.endsWith('x') ? 'declined' : 'succeeded',
        from,
      );
    await foundAndGone(
      'I4',
      new RegExp(`order ${order.id} is PAID, and nothing was captured for it`),
      () => rename(`pay_${order.id}`, `pay_${order.id}x`),
      () => rename(`pay_${order.id}x`, `pay_${order.id}`),
    );
  });

  const changeSku = (sku: string, changes: string) =>
    sql(`update inventory.rows set data = (data::jsonb || ${changes})::text where key = ?`, [`sku:${sku}`]);
  const plus = (name: string, pieces: number) =>
    `jsonb_build_object('${name}', (data::jsonb->>'${name}')::int + ${pieces})`;

  it('I5: more is reserved than is on hand', async () => {
    const { product } = await paidOrder();
    await foundAndGone(
      'I5',
      new RegExp(`${product.sku}: 9 are reserved, 8 on hand`),
      () => changeSku(product.sku, plus('reserved', 9)),
      () => changeSku(product.sku, plus('reserved', -9)),
    );
  });

  it('I6: a piece that came from nowhere', async () => {
    const { product } = await paidOrder();
    await foundAndGone(
      'I6',
      new RegExp(`${product.sku}: 10 came in, 11 are there or went out`),
      () => changeSku(product.sku, plus('onHand', 1)),
      () => changeSku(product.sku, plus('onHand', -1)),
    );
  });

  it('I6: balances that agree among themselves, and not with their movements', async () => {
    const { product } = await paidOrder();
    await foundAndGone(
      'I6',
      new RegExp(`${product.sku}: received is 13, by its movements 10`),
      () => changeSku(product.sku, `${plus('onHand', 3)} || ${plus('received', 3)}`),
      () => changeSku(product.sku, `${plus('onHand', -3)} || ${plus('received', -3)}`),
    );
  });

  it('I7: money given back that nobody asked for', async () => {
    const { order } = await paidOrder();
    await foundAndGone(
      'I7',
      new RegExp(`order ${order.id} is PAID: 5.00 GBP are owed, the provider holds 4.00 GBP`),
      () =>
        inLedger(
          `insert into refunds (refund_id, payment_id, amount, currency, at) values (?, ?, '1.00', 'GBP', 0)`,
          `${order.id}/x`,
          `pay_${order.id}`,
        ),
      () => inLedger('delete from refunds where refund_id = ?', `${order.id}/x`),
    );
  });

  it('I8: a message that does not leave', async () => {
    const id = randomUUID();
    await foundAndGone(
      'I8',
      /messages of orders wait to send nowhere/,
      () =>
        sql(
          `insert into orders.outbox (message_id, kind, target, sender, key, body, sealed, at, bucket, stored_at)
           values (?, 'send', 'nowhere', ?, ?, '{}', false, now(), -1, now() - interval '20 s')`,
          [id, id, id],
        ),
      () => sql('delete from orders.outbox where message_id = ?', [id]),
    );
  });

  it('I8: an event that was marked as sent and never arrived', async () => {
    const { order } = await paidOrder();
    await foundAndGone(
      'I8',
      new RegExp(`order ${order.id} awaits its payment, which is SUCCEEDED: the news is lost`),
      () => sql(`update orders.actors set status = 'AWAITING_PAYMENT' where id = ?`, [order.id]),
      () => sql(`update orders.actors set status = 'PAID' where id = ?`, [order.id]),
    );
  });

  it('I8: commands taken in another order than they were sent in', async () => {
    const { order } = await paidOrder();
    const rows = await until('stock has taken two commands of it', async () => {
      const taken = (await sql(
        `select command_id, version from inventory.inbox where command_id like ? order by version`,
        [`order/${order.id}/%`],
      )) as { command_id: string; version: string }[];
      return taken.length > 1 && taken;
    });
    const [first, last] = [rows[0]!, rows.at(-1)!];
    const set = ({ command_id }: { command_id: string }, version: string) =>
      sql('update inventory.inbox set version = ? where command_id = ?', [version, command_id]);
    await foundAndGone(
      'I8',
      new RegExp(`took the commands of order ${order.id} in another order`),
      async () => {
        await set(first, last.version);
        await set(last, first.version);
      },
      async () => {
        await set(first, first.version);
        await set(last, last.version);
      },
    );
  });
});
