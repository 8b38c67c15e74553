// Writes off what sale invoices with negative quantities say is lost. Each has a key of its own, under which stock counts
// it once for ever. What a write-off lacks is received just before it: `insufficient-stock` says how many pieces there are.

import { randomUUID } from 'node:crypto';
import { UnexpectedAnswer } from '../client.ts';
import { type Invoice, partsOf, skuOf } from './invoices.ts';
import { each } from './parallel.ts';
import { receive } from './products.ts';
import type { Shop } from './shop.ts';

const SKUS_AT_ONCE = 8;
/** Others may take what was received in between; so often it is tried again. */
const ATTEMPTS_MAX = 5;
const REASON_LENGTH_MAX = 200;

interface WriteOff {
  readonly sku: string;
  readonly quantity: number;
  readonly reason: string;
  readonly key: string;
}

/** The write-offs of the invoices. The key names the invoice and the place of the line in it. */
export function writeOffsOf(invoices: readonly Invoice[]): readonly WriteOff[] {
  return invoices.flatMap((invoice) => {
    const { invoiceNo } = invoice;
    return partsOf(invoice).writtenOff.map((line, n) => ({
      sku: skuOf(line),
      quantity: -line.quantity,
      reason: `${invoiceNo} ${line.description.trim()}`.trim().slice(0, REASON_LENGTH_MAX),
      key: `replay-${invoiceNo}-${n + 1}`,
    }));
  });
}

/** Writes everything off that is not written off yet. @returns how often pieces had to be received for it */
export async function writeOffAll(
  shop: Shop,
  invoices: readonly Invoice[],
  progress: (done: number, all: number) => void,
): Promise<{ readonly all: number; readonly received: number }> {
  const all = writeOffsOf(invoices);
  let done = 0;
  let received = 0;
  // One after another per SKU: each may need what the one before it has left.
  await each(Map.groupBy(all, ({ sku }) => sku).values(), SKUS_AT_ONCE, async (ofSku) => {
    for (const writeOff of ofSku) {
      received += await writeOffOne(shop, writeOff);
      progress((done += 1), all.length);
    }
  });
  return { all: all.length, received };
}

async function writeOffOne(shop: Shop, { sku, quantity, reason, key }: WriteOff): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const { status, body } = await shop.client.call<{ code?: string; errors?: readonly { available?: number }[] }>(
      `/api/v1/stock/${encodeURIComponent(sku)}/write-off`,
      { method: 'POST', key, token: await shop.staff.token(), body: { quantity, reason } },
    );
    if (status === 200) return attempt - 1;
    const available = body.errors?.[0]?.available;
    if (status !== 409 || available === undefined || attempt === ATTEMPTS_MAX)
      throw new UnexpectedAnswer(`the write-off of ${quantity} × ${sku} answered ${status}: ${JSON.stringify(body)}`);
    await receive(shop, sku, quantity - available, `replay-for-write-off-${randomUUID()}`);
  }
}
