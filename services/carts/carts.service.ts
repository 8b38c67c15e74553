// Carts over the wire: guests' and users' own. No rules live here.
//
//   PUT a line ─► quote ─► note (product, cart) ─► SetLine ─► the cart at today's prices
//   login ─► merge        orders.place ─► checkoutLines        product.deleted (log) ─► tidying

import type { Context, ServiceBroker } from 'moleculer';
import { type Cart, cartActor, type CartCommand, cartIdOfUser, type CartLine } from '../../actors/cart.ts';
import { cartCommands } from '../../brokers/commands/cart.ts';
import type { Subscription } from '../../brokers/event-log.ts';
import { orThrow, Problem } from '../../brokers/problem.ts';
import type { Caller } from '../../mixins/caller.ts';
import { createDynamoStore } from '../../mixins/dynamodb/store.ts';
import { ensureTable } from '../../mixins/dynamodb/tables.ts';
import { type Hosting, hosts } from '../../mixins/hosts.mixin.ts';
import { idFromCommand } from '../../mixins/ids.ts';
import type { Platform } from '../../mixins/platform.ts';
import { revisionSeen } from '../../mixins/revision.ts';
import type { SchemaOf } from '../../mixins/service-schema.ts';
import type { ActorStore } from '../../mixins/store.ts';
import { createTokens, type Tokens } from '../../mixins/tokens.ts';
import { mayUse, ownCart, unknownCart } from './access.ts';
import { type CartView, type Quote, tagOf, viewCart } from './cart.view.ts';
import { type CartIndex, cartIndexTable, createCartIndex } from './cart-index.ts';
import { mergeCart, type Merged, readCart, type Versioned } from './merging.ts';
import { startTidying, type Tidying, type TidyingOptions } from './tidying.ts';

/** A guest cart is forgotten when nobody changed it for so long, in milliseconds. */
export const GUEST_CART_MS = 30 * 24 * 3_600_000;
const TABLE = 'souk-carts';
const INDEX_TABLE = 'souk-carts-by-product';
const CONSUMER_GROUP = 'carts';

export interface Carts extends Hosting<Cart, CartCommand> {
  index: CartIndex;
  tokens: Tokens;
  tidying: Tidying;
  subscription: Subscription;
}

/** The carts service; makes its tables when it starts, if they are missing. */
export const cartsService = (
  platform: Platform,
  tidying: Pick<TidyingOptions, 'againAfterMs' | 'lookEveryMs'> = {},
): SchemaOf<Carts> => ({
  name: 'carts',
  mixins: [
    hosts({
      actor: cartActor,
      commands: cartCommands,
      store: () => openStore(platform),
      log: () => platform.log(),
      alert: (what, particulars) => platform.alert(what, particulars),
    }),
  ],

  async started(this: Carts) {
    const client = platform.dynamo();
    await ensureTable(client, cartIndexTable(INDEX_TABLE));
    this.index = createCartIndex(client, INDEX_TABLE);
    this.tokens = createTokens(platform);
    this.tidying = startTidying({
      index: this.index,
      host: this.host,
      quote: (productIds) => quotes(this.broker, productIds),
      alert: (what, particulars) => platform.alert(what, particulars),
      ...tidying,
    });
    this.subscription = await (await platform.log()).subscribe({
      group: CONSUMER_GROUP,
      topics: ['product.deleted'],
      handle: (records) => this.tidying.handle(records),
    });
  },
  async stopped(this: Carts) {
    await this.subscription?.stop();
    await this.tidying?.stop();
  },

  actions: {
    /** A guest cart is there once something is put into it: until then it is an id and its token, which cost nothing. */
    create: {
      handler(this: Carts, ctx: Context<object, Caller>): CartView & { readonly token: string } {
        const id = idFromCommand(ctx.meta.commandId);
        ctx.meta.$location = `/api/v1/carts/${id}`;
        const { lines, total } = viewCart(id, [], []);
        return { id, token: this.tokens.cartToken(id), lines, total };
      },
    },
    /** A repeated `create` makes the same answer again, so none is kept. */
    answered: {
      handler: () => null,
    },

    get: {
      async handler(this: Carts, ctx: Context<{ id: string }, Caller>) {
        const { id } = ctx.params;
        mayUse(ctx.meta, id, this.tokens);
        return await show(this, ctx, id, await readCart(this.store, id));
      },
    },
    putLine: {
      handler(this: Carts, ctx: Context<{ id: string } & CartLine, Caller>) {
        mayUse(ctx.meta, ctx.params.id, this.tokens);
        return putLine(this, ctx, ctx.params.id);
      },
    },
    removeLine: {
      handler(this: Carts, ctx: Context<{ id: string; productId: string }, Caller>) {
        mayUse(ctx.meta, ctx.params.id, this.tokens);
        return removeLine(this, ctx, ctx.params.id);
      },
    },
    mine: {
      async handler(this: Carts, ctx: Context<object, Caller>) {
        const id = ownCart(ctx.meta);
        return await show(this, ctx, id, await readCart(this.store, id));
      },
    },
    putMyLine: {
      handler(this: Carts, ctx: Context<CartLine, Caller>) {
        return putLine(this, ctx, ownCart(ctx.meta));
      },
    },
    removeMyLine: {
      handler(this: Carts, ctx: Context<{ productId: string }, Caller>) {
        return removeLine(this, ctx, ownCart(ctx.meta));
      },
    },

    /** Takes the guest cart that the token opens into the user's own. For logins, which answer afterwards. */
    merge: {
      visibility: 'public',
      async handler(this: Carts, ctx: Context<{ token: string; userId: string }>): Promise<Merged> {
        const guestId = this.tokens.verifyCartToken(ctx.params.token);
        if (guestId === undefined) return { merged: false, reason: 'unauthenticated' };
        const note = (cartId: string, productIds: readonly string[]) =>
          this.index.note(cartId, productIds, expiryOf(cartId));
        return await mergeCart({ host: this.host, note }, guestId, ctx.params.userId);
      },
    },
    /** What an order of this cart would hold: for `orders.place`, on behalf of the caller. */
    checkoutLines: {
      visibility: 'public',
      async handler(
        this: Carts,
        ctx: Context<{ cartId: string }, Caller>,
      ): Promise<{ cartId: string; lines: readonly CartLine[] }> {
        const { cartId } = ctx.params;
        mayUse(ctx.meta, cartId, this.tokens);
        const { cart } = await readCart(this.store, cartId);
        if (cart.status === 'closed') throw unknownCart(cartId);
        const { lines } = viewCart(cartId, cart.lines, await quotes(ctx, idsOf(cart)));
        if (lines.length === 0) throw new Problem('empty-cart', `the cart ${cartId} holds nothing that is sold`);
        return { cartId, lines: lines.map(({ productId, quantity }) => ({ productId, quantity })) };
      },
    },
    ready: {
      async handler(this: Carts) {
        await readCart(this.store, 'ready');
        return { ready: true };
      },
    },
  },
});

async function openStore(platform: Platform): Promise<ActorStore> {
  const client = platform.dynamo();
  await ensureTable(client, { name: TABLE, keys: ['id'] });
  return createDynamoStore({
    client,
    actor: 'cart',
    table: TABLE,
    lifetimeMs: (id) => (isOwn(id) ? undefined : GUEST_CART_MS),
    latestOnly: ['cart.updated'],
  });
}

async function putLine(carts: Carts, ctx: Context<CartLine, Caller>, id: string): Promise<CartView> {
  const { productId, quantity } = ctx.params;
  await demandVersion(carts, ctx.meta, id);
  const [quote] = await quotes(ctx, [productId]);
  if (quote === null || quote === undefined || quote.deleted) {
    const detail = `the product ${productId} ${quote?.deleted === true ? 'is no longer sold' : 'does not exist'}`;
    throw new Problem('unknown-product', detail, [{ pointer: '/productId', code: 'unknown-product', detail }]);
  }
  // Before the line, so that whoever takes the product out of all carts finds this one.
  await carts.index.note(id, [productId], expiryOf(id));
  return await change(carts, ctx, id, { type: 'SetLine', data: { productId, quantity } });
}

async function removeLine(carts: Carts, ctx: Context<{ productId: string }, Caller>, id: string): Promise<CartView> {
  await demandVersion(carts, ctx.meta, id);
  return await change(carts, ctx, id, { type: 'RemoveLine', data: { productId: ctx.params.productId } });
}

async function change(carts: Carts, ctx: Context<object, Caller>, id: string, command: CartCommand): Promise<CartView> {
  const told = orThrow(await carts.host.tell(id, command, { commandId: ctx.meta.commandId }));
  // What a repeat is told may be older than what another node has done since.
  const now =
    told.repeated === undefined ? { cart: told.state, version: told.version } : await readCart(carts.store, id);
  return await show(carts, ctx, id, now);
}

async function show(
  carts: Carts,
  ctx: Context<object, Caller>,
  id: string,
  { cart, version }: Versioned,
): Promise<CartView> {
  if (cart.status === 'closed') throw unknownCart(id);
  const view = viewCart(id, cart.lines, await quotes(ctx, idsOf(cart)));
  ctx.meta.etag = tagOf(version, view);
  return view;
}

/** @throws Problem `precondition-failed` if the caller has seen another version of the cart. */
async function demandVersion({ store }: Carts, { ifMatch, commandId }: Caller, id: string): Promise<void> {
  const seen = revisionSeen(ifMatch);
  if (seen === undefined || seen.revision === (await readCart(store, id)).version) return;
  // A repeat, perhaps by the gateway on another node, is of what the first attempt has made of the cart.
  if ((await store.load({ ids: [id], rows: [], commands: [{ id, commandId }] })).handled.size > 0) return;
  throw new Problem(
    'precondition-failed',
    'the cart was changed since: read it again, and send its new ETag as If-Match',
  );
}

/** Today's quotes of the products, in their order; null for those that do not exist. */
async function quotes(
  caller: Context<object, Caller> | ServiceBroker,
  productIds: readonly string[],
): Promise<readonly (Quote | null)[]> {
  if (productIds.length === 0) return [];
  const items = productIds.map((productId) => ({ productId }));
  return await caller.call<readonly (Quote | null)[], object>('products.quote', { items });
}

function idsOf(cart: Cart): readonly string[] {
  return cart.lines.map(({ productId }) => productId);
}

function isOwn(cartId: string): boolean {
  return cartId.startsWith(cartIdOfUser(''));
}

/** When the cart's pairs in the index may go, in seconds since 1970: after the guest cart itself. */
function expiryOf(cartId: string): number | undefined {
  return isOwn(cartId) ? undefined : Math.ceil((Date.now() + 2 * GUEST_CART_MS) / 1_000);
}
