// Stock over the wire: receive, write off, read. Reservations come as commands of orders, never from outside.

import type { Context } from 'moleculer';
import type { Slice } from '../../actors/actor.ts';
import { type SkuRow, skuKey, stockActor, type StockCommand, type StockRow } from '../../actors/stock.ts';
import { stockCommands } from '../../brokers/commands/stock.ts';
import { orThrow, Problem } from '../../brokers/problem.ts';
import { CHANGING, READING } from '../../mixins/bulkheads.ts';
import type { Caller } from '../../mixins/caller.ts';
import { type Hosting, hosts } from '../../mixins/hosts.mixin.ts';
import type { Platform } from '../../mixins/platform.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { checkStock } from './invariants.ts';
import { availableOf, openStockStore, readSku } from './stock.store.ts';

/** How long a page of the catalogue waits for what is available, in milliseconds. */
export const AVAILABLE_WITHIN_MS = 5_000;
/** The partition that SKUs live in unless they were moved. */
export const PARTITION = 'main';

interface Inventory extends Hosting<Slice<StockRow>, StockCommand> {
  database: Database;
}

const none: SkuRow = { kind: 'sku', received: 0, onHand: 0, reserved: 0, sold: 0, returned: 0, writtenOff: 0 };

function viewStock(sku: string, row: SkuRow): object {
  const { received, onHand, reserved, sold, returned, writtenOff } = row;
  return { sku, received, onHand, reserved, available: onHand - reserved, sold, returned, writtenOff };
}

/** The inventory service; opens its store when it starts. */
export const inventoryService = (platform: Platform): SchemaOf<Inventory> => ({
  name: 'inventory',
  mixins: [
    hosts({
      actor: stockActor,
      commands: stockCommands,
      store: (service) => openStockStore(service as unknown as Inventory, platform),
      close: (service) => (service as unknown as Partial<Inventory>).database?.close(),
      log: () => platform.log(),
      alert: platform.alert,
    }),
  ],

  actions: {
    receiveStock: {
      bulkhead: CHANGING,
      handler(this: Inventory, ctx: Context<{ sku: string; quantity: number }, Caller>) {
        const { sku, quantity } = ctx.params;
        return change(this, ctx, sku, { type: 'Receive', data: { sku, quantity, ...movementOf(ctx.meta) } });
      },
    },
    writeOff: {
      bulkhead: CHANGING,
      handler(this: Inventory, ctx: Context<{ sku: string; quantity: number; reason: string }, Caller>) {
        const { sku, quantity, reason } = ctx.params;
        return change(this, ctx, sku, { type: 'WriteOff', data: { sku, quantity, reason, ...movementOf(ctx.meta) } });
      },
    },
    get: {
      bulkhead: READING,
      async handler(this: Inventory, ctx: Context<{ sku: string }, Caller>) {
        const { sku } = ctx.params;
        const row = (await readSku(this.database, PARTITION, sku)) ?? (await ofProduct(ctx, sku));
        const { received, onHand, reserved, sold, returned, writtenOff } = row;
        ctx.meta.etag = [received, onHand, reserved, sold, returned, writtenOff].join('.');
        return viewStock(sku, row);
      },
    },

    /** Pieces that an order could have now, by SKU; one query for all. */
    available: {
      visibility: 'public',
      timeout: AVAILABLE_WITHIN_MS,
      // A read: it may be repeated as it is.
      retryPolicy: { enabled: true },
      bulkhead: READING,
      handler(this: Inventory, ctx: Context<{ skus: readonly string[] }>) {
        return availableOf(this.database, PARTITION, ctx.params.skus);
      },
    },
    /** The kept answer of an earlier request with this command id; null: there was none. */
    answered: {
      async handler(this: Inventory, ctx: Context<{ commandId: string }>) {
        const { commandId } = ctx.params;
        const { handled } = await this.store.load({ ids: [], rows: [], commands: [{ id: PARTITION, commandId }] });
        const [found] = handled.values();
        return found?.answer === undefined
          ? null
          : { fingerprint: found.fingerprint, status: 200, body: JSON.parse(found.answer) as object };
      },
    },
    /** Which invariants hold, by the stock's own store. Not published at the gateway. */
    invariants: {
      visibility: 'public',
      handler(this: Inventory) {
        return checkStock(this.database);
      },
    },
    ready: {
      async handler(this: Inventory) {
        await this.store.load({ ids: [PARTITION], rows: [], commands: [] });
        return { ready: true };
      },
    },
  },
});

/**
 * The name of what a request with a key moves. The inbox forgets its command after days; stock never does. Without a key
 * there is no repeat to recognise, and no row to keep.
 */
function movementOf({ keyed, commandId }: Caller): { readonly movementId?: string } {
  return keyed ? { movementId: commandId } : {};
}

/** A SKU without movements yet has zeros, if it is one. */
async function ofProduct(ctx: Pick<Context, 'call'>, sku: string): Promise<SkuRow> {
  const { items } = await ctx.call<{ readonly items: readonly object[] }, object>('products.list', { sku, limit: 1 });
  if (items.length === 0) throw new Problem('not-found', `there is no SKU ${sku}`);
  return none;
}

async function change(
  inventory: Inventory,
  ctx: Context<{ sku: string }, Caller>,
  sku: string,
  command: StockCommand,
): Promise<object> {
  const { commandId, fingerprint, keyed } = ctx.meta;
  if ((await readSku(inventory.database, PARTITION, sku)) === undefined) await ofProduct(ctx, sku);
  const balance = (rows: Slice<StockRow>) => viewStock(sku, (rows[skuKey(sku)] as SkuRow | undefined) ?? none);
  const told = orThrow(
    await inventory.host.tell(PARTITION, command, { commandId, ...(keyed ? { fingerprint, answer: balance } : {}) }),
  );
  if (told.repeated?.answer === undefined) return balance(told.state);
  if (told.repeated.fingerprint !== fingerprint)
    throw new Problem(
      'idempotency-key-reused',
      'this Idempotency-Key was used for another request: send the same body, or another key',
    );
  return JSON.parse(told.repeated.answer) as object;
}
