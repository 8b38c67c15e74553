// Who calls, as the gateway tells every action in `ctx.meta`.

export type Principal =
  | {
      readonly kind: 'user';
      readonly id: string;
      readonly role: 'customer' | 'staff' | 'admin';
      /** The login that the access token belongs to. */
      readonly sessionId?: string | undefined;
    }
  /** A guest with a cart; `cartId` is set once its token was verified. */
  | { readonly kind: 'cart'; readonly token: string; readonly cartId?: string }
  /** The bearer of a guest order's access token. */
  | { readonly kind: 'order'; readonly orderId: string }
  | { readonly kind: 'guest' };

/** The meta of every call that comes through the gateway. */
export interface Caller {
  readonly principal: Principal;
  readonly requestId: string;
  /** Minted from the Idempotency-Key, or random, before the first attempt. */
  readonly commandId: string;
  readonly fingerprint: string;
  readonly keyed: boolean;
  /** The trace that the request belongs to, as it came (W3C Trace Context). */
  readonly traceparent?: string;
  readonly ifMatch?: string;
  readonly cartToken?: string;
  $statusCode?: number;
  $location?: string;
  $responseType?: string;
  $responseHeaders?: Record<string, string>;
  etag?: string;
}

/** Whether the caller is of the staff (roles staff and admin). */
export function isStaff({ principal }: Caller): boolean {
  return principal.kind === 'user' && principal.role !== 'customer';
}
