// What lies in the ledger: its things, their tables, and the way from a row to a thing.

export interface Amount {
  readonly amount: string;
  readonly currency: string;
}

export interface Charge {
  readonly id: string;
  readonly paymentId: string;
  readonly orderId: string;
  readonly amount: Amount;
  readonly status: 'succeeded' | 'declined';
  readonly reason: string | null;
  /** When it took effect, ms since 1970. */
  readonly at: number;
  /** No answer about it leaves before this time. */
  readonly readyAt: number;
}

export interface Void {
  readonly paymentId: string;
  readonly status: 'voided';
  readonly at: number;
}

export interface Refund {
  readonly id: string;
  readonly refundId: string;
  readonly paymentId: string;
  readonly amount: Amount;
  readonly at: number;
}

export interface Webhook {
  readonly id: string;
  readonly body: string;
  readonly attempts: number;
  readonly dueAt: number;
  readonly deliveredAt: number | null;
}

/** Webhooks that were given up wait for a person until this time. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/** The tables; rows of charges and refunds are never changed. */
export const schema = `
  CREATE TABLE IF NOT EXISTS charges (
    seq INTEGER PRIMARY KEY, payment_id TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL,
    amount TEXT NOT NULL, currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('succeeded', 'declined')), reason TEXT,
    at INTEGER NOT NULL, ready_at INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY, refund_id TEXT NOT NULL UNIQUE, payment_id TEXT NOT NULL REFERENCES charges (payment_id),
    amount TEXT NOT NULL, currency TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS refunds_by_payment ON refunds (payment_id);
  CREATE TABLE IF NOT EXISTS voids (payment_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS stumbles (payment_id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL, delivered_at INTEGER) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS webhooks_owed ON webhooks (due_at) WHERE delivered_at IS NULL;
`;

export const chargeColumns = 'seq, payment_id, order_id, amount, currency, status, reason, at, ready_at';
export const refundColumns = 'seq, refund_id, payment_id, amount, currency, at';
export const webhookColumns = 'id, body, attempts, due_at, delivered_at';

type Row = Readonly<Record<string, unknown>>;

/** The reference of a charge at this provider. */
export const chargeId = (seq: number | bigint) => `ch_${seq}`;
/** The reference of a refund at this provider. */
export const refundReference = (seq: number | bigint) => `re_${seq}`;

/** A charge from its row. */
export function toCharge(row: Row): Charge {
  return {
    id: chargeId(row['seq'] as number),
    paymentId: row['payment_id'] as string,
    orderId: row['order_id'] as string,
    amount: { amount: row['amount'] as string, currency: row['currency'] as string },
    status: row['status'] as Charge['status'],
    reason: row['reason'] as string | null,
    at: row['at'] as number,
    readyAt: row['ready_at'] as number,
  };
}

/** A refund from its row. */
export function toRefund(row: Row): Refund {
  return {
    id: refundReference(row['seq'] as number),
    refundId: row['refund_id'] as string,
    paymentId: row['payment_id'] as string,
    amount: { amount: row['amount'] as string, currency: row['currency'] as string },
    at: row['at'] as number,
  };
}

/** A webhook from its row. */
export function toWebhook(row: Row): Webhook {
  return {
    id: row['id'] as string,
    body: row['body'] as string,
    attempts: row['attempts'] as number,
    dueAt: row['due_at'] as number,
    deliveredAt: row['delivered_at'] as number | null,
  };
}
