// Where the books stood when a run began. A cluster that has run before is read from there on, so that each run is judged
// by what it did itself. No host's clock is asked: only PostgreSQL's, and how far each book was.

/** Offsets of next records, by `topic/partition`. */
export type Offsets = Readonly<Record<string, number>>;

export interface Mark {
  /** By PostgreSQL's clock, milliseconds since 1970. */
  readonly at: number;
  readonly topics: Offsets;
  /** How many rows the provider's book had. */
  readonly ledger: { readonly charges: number; readonly refunds: number };
  /** Message-IDs of the mails that had been sent. */
  readonly mails: ReadonlySet<string>;
  readonly uncounted: { readonly late: number; readonly malformed: number };
  /** Event time of the partitions of raw events. */
  readonly eventTimes: Readonly<Record<number, number>>;
}
