// The provider's book: what was charged, declined, voided and refunded, and which webhooks are still owed.
//
//   charges   one row per payment id, written once, never changed      voids      payments that may never be charged
//   refunds   one row per refund id                                    stumbles   payments whose first call failed on purpose
//   webhooks  events promised to the shop, until it took them
//
// The functions of an open ledger run inside one of its transactions (group-commit.ts) and are idempotent, so a batch
// may be run again. The file belongs to the provider's process: no service opens it; checkers read it by `readLedger`.

import { DatabaseSync } from 'node:sqlite';

import { decimal, sameAmount, units } from './amounts.ts';
import {
  chargeColumns,
  chargeId,
  NEVER,
  refundColumns,
  refundReference,
  schema,
  toCharge,
  toRefund,
  toWebhook,
  webhookColumns,
  type Amount,
  type Charge,
  type Refund,
  type Void,
} from './rows.ts';

export type Verdict = Pick<Charge, 'status' | 'reason' | 'at' | 'readyAt'>;

/** A request that contradicts what the ledger already knows. */
export class Contradiction extends Error {
  readonly code: string;
  constructor(code: string, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

/** How long another process may hold the write lock, e.g. a predecessor that is still draining. */
const BUSY_TIMEOUT_MS = 5_000;

export type Ledger = ReturnType<typeof openLedger>;

/** Opens the ledger for its one owner, creating it if there is none. */
export function openLedger(file: string) {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  try {
    // FULL: a commit is on the disk before anybody hears of it. WAL: checkers read while the provider writes.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    db.exec(schema);
  } catch (error) {
    throw new Error(`The ledger ${file} cannot be opened: ${(error as Error).message}.`, { cause: error });
  }

  const chargeOf = db.prepare(`SELECT ${chargeColumns} FROM charges WHERE payment_id = ?`);
  const lastCharge = db.prepare(`SELECT ${chargeColumns} FROM charges ORDER BY seq DESC LIMIT 1`);
  const chargesBackwards = db.prepare(`SELECT ${chargeColumns} FROM charges ORDER BY seq DESC`);
  const chargesAfter = db.prepare(`SELECT ${chargeColumns} FROM charges WHERE seq > ? ORDER BY seq LIMIT ?`);
  const refundsAfter = db.prepare(`SELECT ${refundColumns} FROM refunds WHERE seq > ? ORDER BY seq LIMIT ?`);
  const among = 'payment_id IN (SELECT value FROM json_each(?)) AND seq > ? ORDER BY seq LIMIT ?';
  const chargesAmong = db.prepare(`SELECT ${chargeColumns} FROM charges WHERE ${among}`);
  const refundsAmong = db.prepare(`SELECT ${refundColumns} FROM refunds WHERE ${among}`);
  const insertCharge = db.prepare(
    'INSERT INTO charges (payment_id, order_id, amount, currency, status, reason, at, ready_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const voidOf = db.prepare('SELECT at FROM voids WHERE payment_id = ?');
  const insertVoid = db.prepare('INSERT INTO voids (payment_id, at) VALUES (?, ?)');
  const insertStumble = db.prepare('INSERT OR IGNORE INTO stumbles (payment_id, at) VALUES (?, ?)');
  const refundOf = db.prepare(`SELECT ${refundColumns} FROM refunds WHERE refund_id = ?`);
  const refundsOf = db.prepare('SELECT amount FROM refunds WHERE payment_id = ?');
  const insertRefund = db.prepare(
    'INSERT INTO refunds (refund_id, payment_id, amount, currency, at) VALUES (?, ?, ?, ?, ?)',
  );
  const oweWebhook = db.prepare(
    `INSERT INTO webhooks (id, body, due_at) VALUES (?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET due_at = min(due_at, excluded.due_at) WHERE delivered_at IS NULL`,
  );
  const forgetWebhook = db.prepare('DELETE FROM webhooks WHERE id = ? AND delivered_at IS NULL');
  const takenWebhook = db.prepare('SELECT id FROM webhooks WHERE id = ? AND delivered_at IS NOT NULL');
  const dueWebhooks = db.prepare(
    `SELECT ${webhookColumns} FROM webhooks WHERE delivered_at IS NULL AND due_at <= ? ORDER BY due_at LIMIT ?`,
  );
  const nextDue = db.prepare('SELECT min(due_at) AS due FROM webhooks WHERE delivered_at IS NULL AND due_at > ?');
  const delivered = db.prepare('UPDATE webhooks SET delivered_at = ?, attempts = attempts + 1 WHERE id = ?');
  const postponed = db.prepare('UPDATE webhooks SET due_at = ?, attempts = attempts + 1 WHERE id = ?');
  const hasten = db.prepare('UPDATE webhooks SET due_at = ? WHERE delivered_at IS NULL AND due_at > ? AND due_at < ?');

  /** What the ledger knows of a payment: its charge, its void, or nothing. */
  function find(paymentId: string): Charge | Void | undefined {
    const row = chargeOf.get(paymentId);
    if (row !== undefined) return toCharge(row);
    const tombstone = voidOf.get(paymentId);
    return tombstone && { paymentId, status: 'voided', at: tombstone['at'] as number };
  }

  /** The sum given back so far, as a decimal string. */
  function refunded(paymentId: string): bigint {
    return refundsOf.all(paymentId).reduce((sum, row) => sum + units(row['amount'] as string), 0n);
  }

  return {
    db,
    find,
    refunded: (paymentId: string) => decimal(refunded(paymentId)),

    /** Charges once per payment id; a repeat gets what the first call led to, a void forbids it for good. */
    charge(
      wish: { paymentId: string; orderId: string; amount: Amount },
      verdict: Verdict,
    ): { known: boolean; outcome: Charge | Void } {
      const known = find(wish.paymentId);
      if (known?.status === 'voided') return { known: true, outcome: known };
      if (known !== undefined) {
        if (known.orderId !== wish.orderId || !sameAmount(known.amount, wish.amount)) {
          throw new Contradiction(
            'payment-differs',
            `Payment ${wish.paymentId} was made with another amount or for another order.`,
          );
        }
        return { known: true, outcome: known };
      }
      const { paymentId, orderId, amount } = wish;
      const { status, reason, at, readyAt } = verdict;
      const row = insertCharge.run(paymentId, orderId, amount.amount, amount.currency, status, reason, at, readyAt);
      return { known: false, outcome: { id: chargeId(row.lastInsertRowid), paymentId, orderId, amount, ...verdict } };
    },

    /** True the first time it is asked about a payment that nobody charged or voided yet. */
    stumbles(paymentId: string, at: number): boolean {
      return find(paymentId) === undefined && insertStumble.run(paymentId, at).changes === 1;
    },

    /** Forbids any later charge; a payment that already has an outcome keeps it. */
    void(paymentId: string, at: number): Charge | Void {
      const known = find(paymentId);
      if (known !== undefined) return known;
      insertVoid.run(paymentId, at);
      return { paymentId, status: 'voided', at };
    },

    /** Gives back once per refund id, in total never more than was captured. */
    refund(wish: { refundId: string; paymentId: string; amount: Amount }, at: number): Refund {
      const row = refundOf.get(wish.refundId);
      if (row !== undefined) {
        const known = toRefund(row);
        if (known.paymentId === wish.paymentId && sameAmount(known.amount, wish.amount)) return known;
        throw new Contradiction(
          'refund-differs',
          `Refund ${wish.refundId} was made with another amount or for another payment.`,
        );
      }
      const charge = find(wish.paymentId);
      if (charge?.status !== 'succeeded') {
        throw new Contradiction('nothing-captured', `Nothing was captured for payment ${wish.paymentId}.`);
      }
      if (charge.amount.currency !== wish.amount.currency) {
        throw new Contradiction('other-currency', `Payment ${wish.paymentId} was made in ${charge.amount.currency}.`);
      }
      const left = units(charge.amount.amount) - refunded(wish.paymentId);
      if (units(wish.amount.amount) > left) {
        throw new Contradiction(
          'refund-exceeds-capture',
          `Of payment ${wish.paymentId} ${decimal(left)} ${wish.amount.currency} are left to refund.`,
        );
      }
      const { amount, currency } = wish.amount;
      const id = insertRefund.run(wish.refundId, wish.paymentId, amount, currency, at).lastInsertRowid;
      return { ...wish, id: refundReference(id), at };
    },

    /** Promises an event to the shop; promised twice, it is sent at the earlier time, and never again once it was taken. */
    owe(id: string, body: string, dueAt: number): void {
      oweWebhook.run(id, body, dueAt);
    },
    forget: (id: string) => forgetWebhook.run(id),
    due: (now: number, limit: number) => dueWebhooks.all(now, limit).map(toWebhook),
    nextDueAfter: (now: number) => (nextDue.get(now)?.['due'] ?? NEVER) as number,
    /** Whether the shop has taken the event. */
    isDelivered: (id: string) => takenWebhook.get(id) !== undefined,
    delivered: (id: string, at: number) => delivered.run(at, id),
    postponed: (id: string, dueAt: number) => postponed.run(dueAt, id),
    hastenAll: (now: number) => hasten.run(now, now, NEVER),

    /** Charges and refunds in the order of their commits, each with its place: nothing appears later at a place passed. */
    chargesAfter: (seq: number, limit: number, payments?: readonly string[]) =>
      (payments === undefined
        ? chargesAfter.all(seq, limit)
        : chargesAmong.all(JSON.stringify(payments), seq, limit)
      ).map((row) => ({ seq: row['seq'] as number, ...toCharge(row) })),
    refundsAfter: (seq: number, limit: number, payments?: readonly string[]) =>
      (payments === undefined
        ? refundsAfter.all(seq, limit)
        : refundsAmong.all(JSON.stringify(payments), seq, limit)
      ).map((row) => ({ seq: row['seq'] as number, ...toRefund(row) })),

    /** The charges of the last moments before the last one: a crash may have kept their answers from being read. */
    lastCharges(withinMs: number): Charge[] {
      const last = lastCharge.get();
      const found: Charge[] = [];
      if (last === undefined) return found;
      for (const row of chargesBackwards.iterate()) {
        if ((row['at'] as number) < (last['at'] as number) - withinMs) break;
        found.push(toCharge(row));
      }
      return found;
    },

    close: () => db.close(),
  };
}

/** Everything in a ledger file, from one snapshot, opened read-only: for tests and checkers, also beside a living provider. */
export function readLedger(file: string) {
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    db.exec('BEGIN');
    return {
      charges: db.prepare(`SELECT ${chargeColumns} FROM charges ORDER BY seq`).all().map(toCharge),
      refunds: db.prepare(`SELECT ${refundColumns} FROM refunds ORDER BY seq`).all().map(toRefund),
      voids: db
        .prepare('SELECT payment_id, at FROM voids')
        .all()
        .map((row) => ({ paymentId: row['payment_id'] as string, at: row['at'] as number })),
      webhooks: db.prepare(`SELECT ${webhookColumns} FROM webhooks`).all().map(toWebhook),
    };
  } finally {
    db.close();
  }
}
