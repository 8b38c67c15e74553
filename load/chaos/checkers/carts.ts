// I13: a merged cart loses no line and adds none twice. I12 for carts: what was put in is seen.
//
//   what a cart may show of a product:   a line that was set last, or might have been
//                                      + what carts brought that were merged since, each once
//                                      − what was ordered from it, once that is paid, whenever that is
//
// Where clients cannot know what came first, everything that may have been is right; so a finding is always wrong. (Lines as
// registers that are regular: Lamport, On interprocess communication, 1986; here with additions.)

import { type Examination, examine, type Finding } from '../../../mixins/finding.ts';
import { type CartHistory, type Merge, type Shown, type Write, cartsOf } from './cart-history.ts';
import type { Checker } from './checker.ts';

interface Range {
  readonly least: number;
  readonly most: number;
}

type Carts = ReadonlyMap<string, CartHistory>;

/** I12 and I13, as far as carts go. */
export const checkCarts: Checker = (evidence) => {
  const carts = cartsOf(evidence);
  const plain = examine('I12', 'a cart shows what was put into it', 'lines of carts');
  const merged = examine('I13', 'a cart that others were merged into holds their lines, once', 'lines of carts');
  for (const cart of carts.values()) {
    for (const shown of cart.shown) {
      const products = new Set([...shown.lines.keys(), ...cart.writes.keys(), ...brought(cart, carts)]);
      for (const product of products) {
        const isMerged = cart.merges.some(({ begun, guestCart }) => {
          return begun < shown.ended && carts.get(guestCart)?.writes.has(product) === true;
        });
        judge(cart, shown, product, carts, isMerged ? merged : plain);
      }
    }
  }
  return [plain.finding(), merged.finding(), checkClosed(carts)];
};

const brought = ({ merges }: CartHistory, carts: Carts): readonly string[] =>
  merges.flatMap(({ guestCart }) => [...(carts.get(guestCart)?.writes.keys() ?? [])]);

function judge(cart: CartHistory, shown: Shown, product: string, carts: Carts, examination: Examination): void {
  examination.look(1);
  const quantity = shown.lines.get(product) ?? 0;
  const ranges = mayShow(cart, product, shown, carts);
  if (ranges.some(({ least, most }) => quantity >= least && quantity <= most)) return;
  const right = ranges.map(({ least, most }) => (least === most ? String(least) : `${least} to ${most}`));
  const { id, principal } = shown.operation;
  examination.wrong(
    `cart ${cart.id} shows ${principal} ${quantity} of ${product} (operation ${id}), it should be ${right.join(' or ')}`,
  );
}

/** What may have been last set, by what is known at this time: all that nothing else has surely overwritten. */
function basesAt(writes: readonly Write[], begun: number, ended: number): readonly Write[] {
  const before = writes.filter((write) => write.begun < ended);
  const newest = before.reduce((max, write) => (write.ended < begun ? Math.max(max, write.begun) : max), -Infinity);
  const set = before.filter((write) => write.ended >= newest);
  const nothing: Write = { quantity: 0, begun: -Infinity, ended: -Infinity };
  return newest === -Infinity ? [nothing, ...set] : set;
}

function mayShow(cart: CartHistory, product: string, shown: Shown, carts: Carts): readonly Range[] {
  const { begun, ended } = shown;
  const merges = cart.merges.filter((merge) => merge.begun < ended);
  const left = ordered(cart, product, ended) + sum(merges.map((merge) => orderedOf(merge, product, ended, carts)));
  return basesAt(cart.writes.get(product) ?? [], begun, ended).map((base) => {
    let [least, most] = [base.quantity, base.quantity];
    for (const merge of merges) {
      // What was set after it has overwritten it.
      if (merge.ended < base.begun) continue;
      const content = contentOf(merge, product, carts);
      most += content.most;
      if (merge.begun > base.ended && merge.ended < begun) least += content.least;
    }
    return { least: Math.max(0, least - left), most };
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Pieces of orders that may have left the cart by now. */
function ordered({ orders }: CartHistory, product: string, until: number): number {
  return sum(orders.filter(({ begun }) => begun < until).map(({ pieces }) => pieces.get(product) ?? 0));
}

/** What is paid for after its cart was merged follows its lines. */
function orderedOf({ guestCart }: Merge, product: string, until: number, carts: Carts): number {
  const guest = carts.get(guestCart);
  return guest === undefined ? 0 : ordered(guest, product, until);
}

/** What a cart held when it was merged. */
function contentOf({ guestCart, begun, ended }: Merge, product: string, carts: Carts): Range {
  const guest = carts.get(guestCart);
  if (guest === undefined) return { least: 0, most: 0 };
  const held = basesAt(guest.writes.get(product) ?? [], begun, ended).map(({ quantity }) => quantity);
  return { least: Math.max(0, Math.min(...held) - ordered(guest, product, ended)), most: Math.max(...held) };
}

/** A cart that was merged with something in it is gone. */
function checkClosed(carts: Carts): Finding {
  const closed = examine('I13', 'a cart that was merged is empty, or not there', 'merged carts');
  for (const { merges, id } of carts.values()) {
    for (const merge of merges) {
      const guest = carts.get(merge.guestCart);
      if (guest === undefined || merge.ended === Infinity) continue;
      closed.look(1);
      const wasFilled = [...guest.writes.keys()].some((product) => contentOf(merge, product, carts).least > 0);
      const still = guest.shown.find(({ begun, lines }) => begun > merge.ended && lines.size > 0);
      if (wasFilled && still !== undefined)
        closed.wrong(
          `cart ${merge.guestCart} was merged into ${id}, and still has lines (operation ${still.operation.id})`,
        );
    }
  }
  return closed.finding();
}
