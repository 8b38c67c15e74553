// What all clients of a run share: the products, what was ordered and still goes on, and what must be found at the end.
//
//   few hot SKUs with little stock, which everybody wants · many cold ones · two currencies besides · one that costs nothing

import type { Chance } from '../../../actors/scheduler.simulation.ts';
import type { Json } from '../history/operation.ts';

export interface Product {
  readonly id: string;
  readonly sku: string;
  readonly currency: string;
}

/** A customer's account; its tokens change. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  token: string;
  refreshToken: string;
  /** When the access token was given, by `performance.now()`. */
  tokenAt: number;
}

export interface Line {
  readonly product: Product;
  readonly quantity: number;
}

/** An order that somebody was told to have. */
export interface Bought {
  readonly id: string;
  readonly principal: string;
  /** The token of its owner, now. */
  readonly token: () => string | undefined;
  /** As it was answered; empty, if a 202 did not say. */
  readonly lines: readonly Line[];
}

/** An order in the hands of staff. */
export interface Handled {
  readonly order: Bought;
  visits: number;
  /** Pieces that staff asked to be refunded, by product. */
  readonly refunded: Map<string, number>;
}

export interface Market {
  /** Begins the names of what the run makes. */
  readonly run: string;
  readonly products: readonly Product[];
  readonly hot: readonly Product[];
  readonly customers: readonly Account[];
  /** The account of staff, called `staff`. */
  readonly staff: Account;
  /** Its token, now. */
  readonly staffToken: () => string;
  /** Orders that were acknowledged. */
  readonly bought: readonly Bought[];
  /** An order was acknowledged: `answer` is the body of the 201 or 202. */
  buy(answer: Json, principal: string, token: () => string | undefined): Bought;
  /** An order that staff look at next; undefined: there is none. */
  handle(): Handled | undefined;
  /** It is to be looked at again. */
  putBack(handled: Handled): void;
  productOf(id: string): Product | undefined;
}

/** What is made before the market opens. */
export type Stocked = Pick<Market, 'run' | 'products' | 'hot' | 'customers' | 'staff'>;

/** Staff look so often at an order at most. */
const VISITS_MAX = 6;
/** Orders that wait for staff; beyond it the newest are left to themselves: a run ends some time. */
const HANDLED_MAX = 10_000;
/** Of all lines, in percent, those of hot products; of those of cold ones, those in another currency than the first. */
const HOT = 35;
const PIECES_MAX = 3;

/** The market of a run. */
export function createMarket(stocked: Stocked): Market {
  const bought: Bought[] = [];
  const handled: Handled[] = [];
  const byId = new Map(stocked.products.map((product) => [product.id, product]));
  return {
    ...stocked,
    staffToken: () => stocked.staff.token,
    bought,
    buy(answer, principal, token) {
      const lines = ((answer.lines ?? []) as readonly Json[]).flatMap(({ productId, quantity }): Line[] => {
        const product = byId.get(productId);
        return product === undefined ? [] : [{ product, quantity }];
      });
      const order = { id: String(answer.id), principal, token, lines };
      bought.push(order);
      if (handled.length < HANDLED_MAX && lines.length > 0) handled.push({ order, visits: 0, refunded: new Map() });
      return order;
    },
    handle: () => handled.shift(),
    putBack(one) {
      one.visits += 1;
      if (one.visits < VISITS_MAX) handled.push(one);
    },
    productOf: (id) => byId.get(id),
  };
}

/** Lines of one currency: one to three, some hot, now and then the same product twice. */
export function drawLines({ products, hot }: Market, chance: Chance): readonly Line[] {
  const first = chance.percent(HOT) ? chance.pick(hot) : chance.pick(products);
  const line = (product: Product) => ({ product, quantity: 1 + chance.below(PIECES_MAX) });
  const lines = [line(first)];
  for (let more = chance.below(3); more > 0; more--) {
    const next = chance.percent(HOT) ? chance.pick(hot) : chance.pick(products);
    if (next.currency === first.currency) lines.push(line(next));
  }
  return lines;
}

/** Lines as requests name them. */
export const asked = (lines: readonly Line[]) =>
  lines.map(({ product, quantity }) => ({ productId: product.id, quantity }));

/** Pieces by SKU. */
export function skusOf(lines: readonly Line[]): readonly { readonly sku: string; readonly quantity: number }[] {
  const pieces = new Map<string, number>();
  for (const { product, quantity } of lines) pieces.set(product.sku, quantity + (pieces.get(product.sku) ?? 0));
  return [...pieces].map(([sku, quantity]) => ({ sku, quantity }));
}

/** One of these, by their weights. */
export function drawn<T>(chance: Chance, weighted: readonly (readonly [weight: number, one: T])[]): T {
  let rest = chance.below(weighted.reduce((sum, [weight]) => sum + weight, 0));
  const [, one] = weighted.find(([weight]) => (rest -= weight) < 0) as readonly [number, T];
  return one;
}
