// Who may see an order: whoever placed it, and staff. To everybody else it is not there.

import type { Order } from '../../actors/order.ts';
import { Problem } from '../../brokers/problem.ts';
import { type Caller, isStaff } from '../../mixins/caller.ts';

/**
 * Lets pass whoever placed the order, and staff.
 * @throws Problem `unauthenticated` without any credentials, `not-found` for everybody else: they learn nothing.
 */
export function mayRead(caller: Caller, id: string, order: Order): void {
  const { principal } = caller;
  if (isStaff(caller)) return;
  if (principal.kind === 'user' && principal.id === order.customerId) return;
  if (principal.kind === 'order' && principal.orderId === id) return;
  throw unknownOrder(caller, id);
}

/** The answer to whoever asks for an order that is not there, or not theirs. */
export function unknownOrder({ principal }: Caller, id: string): Problem {
  if (principal.kind === 'guest' || principal.kind === 'cart')
    return new Problem('unauthenticated', 'reading an order needs the access token it was answered with, or a login');
  return new Problem('not-found', `there is no order ${id}`);
}
