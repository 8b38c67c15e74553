// A checker: a pure function of what happened. It sees the history and the stores, never the code under test.

import type { Finding } from '../../../mixins/finding.ts';
import type { Books } from '../books/books.ts';
import type { FaultRecord } from '../faults/fault.ts';
import type { History } from '../history/operation.ts';

/** All that a run left behind. */
export interface Evidence {
  readonly history: History;
  readonly books: Books;
  readonly faults: readonly FaultRecord[];
  /** When the workload began, and when it ended. Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** When everything waited for was settled; missing: it never was. */
  readonly quietAt?: number;
  /** How long an order may wait for its payment, in milliseconds. */
  readonly paymentDeadlineMs: number;
  /** Ids of products and SKUs that the run made. */
  readonly products: readonly { readonly id: string; readonly sku: string; readonly currency: string }[];
  /** Nodes of the cluster, as `orders-1`; missing: nobody said. */
  readonly nodes?: readonly string[];
}

/** `invariant` as in the list of them (I1…I15, L1…L6); `looked: 0` says that there was nothing to look at. */
export type Checker = (evidence: Evidence) => readonly Finding[];
