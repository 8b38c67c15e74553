// The provider's own book: its SQLite file, opened read-only beside the provider. Its rows are never changed, so whoever
// reads it again and again reads what is new.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  type Charge,
  chargeColumns,
  type Refund,
  refundColumns,
  toCharge,
  toRefund,
  type Void,
} from '../../../infra/local/provider/rows.ts';

/** How long a reader waits for the provider to finish a write, in milliseconds. */
const BUSY_MS = 2_000;

export const ledgerFile = (dataDir: string): string => join(dataDir, 'provider', 'ledger.sqlite');

/** Numbers of the last rows that were read. */
export interface LedgerPlace {
  readonly charges: number;
  readonly refunds: number;
}

export interface LedgerPart {
  readonly charges: readonly Charge[];
  readonly refunds: readonly Refund[];
  readonly voids: readonly Void[];
  readonly end: LedgerPlace;
}

/** What lies behind a place, in one snapshot; and all voids, which have no number, from a time on (ms since 1970). */
export function readLedgerFrom(
  dataDir: string,
  from: LedgerPlace = { charges: 0, refunds: 0 },
  voidsFrom = 0,
): LedgerPart {
  const db = new DatabaseSync(ledgerFile(dataDir), { readOnly: true, timeout: BUSY_MS });
  try {
    db.exec('BEGIN');
    const charges = db.prepare(`SELECT ${chargeColumns} FROM charges WHERE seq > ? ORDER BY seq`).all(from.charges);
    const refunds = db.prepare(`SELECT ${refundColumns} FROM refunds WHERE seq > ? ORDER BY seq`).all(from.refunds);
    const voids = db.prepare('SELECT payment_id, at FROM voids WHERE at >= ? ORDER BY at').all(voidsFrom);
    return {
      charges: charges.map(toCharge),
      refunds: refunds.map(toRefund),
      voids: voids.map((row) => ({
        paymentId: row['payment_id'] as string,
        status: 'voided',
        at: row['at'] as number,
      })),
      end: { charges: lastOf(charges, from.charges), refunds: lastOf(refunds, from.refunds) },
    };
  } finally {
    db.close();
  }
}

const lastOf = (rows: readonly Readonly<Record<string, unknown>>[], before: number): number =>
  Number(rows.at(-1)?.['seq'] ?? before);
