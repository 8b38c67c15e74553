// What is no longer sold leaves all carts.
//
//   product.deleted (log) ─► plan a second pass ─► first pass: RemoveProduct to every cart that holds it
//   a minute later ────────► second pass: the same, for lines that were put in by a node which did not know yet
//
// A pass asks the catalogue first: a product may have come back since, and then nobody's cart is touched.

import type { Cart, CartCommand } from '../../actors/cart.ts';
import type { LogRecord } from '../../brokers/event-log.ts';
import type { Host } from '../../mixins/host.ts';
import { StoreUnavailable } from '../../mixins/store.ts';
import { isSold, type Quote } from './cart.view.ts';
import type { Again, CartIndex, Held } from './cart-index.ts';

/** When the second pass is due: longer than any node may sell by an old look at the catalogue, in milliseconds. */
export const AGAIN_AFTER_MS = 60_000;
/** How often due passes are looked for, in milliseconds. */
const LOOK_EVERY_MS = 5_000;

export interface TidyingOptions {
  readonly index: CartIndex;
  readonly host: Host<Cart, CartCommand>;
  readonly quote: (productIds: readonly string[]) => Promise<readonly (Quote | null)[]>;
  readonly alert: (what: string, particulars: object) => void;
  readonly againAfterMs?: number;
  readonly lookEveryMs?: number;
}

export interface Tidying {
  /** Takes `product.deleted`; resolves when the first pass is through and the second one is certain. */
  handle(records: readonly LogRecord[]): Promise<void>;
  /** Runs the passes that are due. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

/** Tidies carts until it is stopped. */
export function startTidying({ index, host, quote, alert, ...options }: TidyingOptions): Tidying {
  let looking: Promise<void> | undefined;

  async function pass(again: Again, name: string, swept: (found: readonly Held[]) => Promise<void>): Promise<void> {
    const { productId } = again;
    const [product] = await quote([productId]);
    if (isSold(product)) return;
    for await (const found of index.holders(productId)) {
      const answers = await host.receive(
        found.map(({ cartId }) => ({
          id: cartId,
          command: { type: 'RemoveProduct', data: { productId } },
          commandId: `${name}/${again.name}`,
          sentAt: Date.now(),
        })),
      );
      const away = answers.find((answer) => 'retry' in answer);
      if (away !== undefined) throw new StoreUnavailable(away.retry);
      await swept(found);
    }
  }

  async function secondPasses(): Promise<void> {
    try {
      for (const again of await index.planned(Date.now())) {
        await pass(again, 'tidied-again', (found) => index.forget(again.productId, found));
        await index.done(again);
      }
    } catch (error) {
      // Away for a while is nothing special: the plan is durable, and the next look comes soon.
      if (!(error instanceof StoreUnavailable)) alert('tidying carts failed', { error: String(error) });
    }
  }

  const look = () => (looking ??= secondPasses().finally(() => (looking = undefined)));
  const timer = setInterval(() => void look(), options.lookEveryMs ?? LOOK_EVERY_MS).unref();
  return {
    async handle(records) {
      for (const record of records) {
        const again = { productId: record.key, name: record.id };
        await index.plan(again, Date.now() + (options.againAfterMs ?? AGAIN_AFTER_MS));
        await pass(again, 'tidied', () => Promise.resolve());
      }
    },
    look,
    async stop() {
      clearInterval(timer);
      await looking;
    },
  };
}
