// What analytics shows: closed windows, and the sums over all events.

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A closed minute of a product. */
export const WindowRow = defineEntity({
  name: 'WindowRow',
  tableName: 'windows',
  properties: {
    productId: p.text().primary(),
    windowStart: p.datetime().primary(),
    uniqueUsers: p.integer(),
    events: p.integer(),
  },
});

export type WindowRow = InferEntity<typeof WindowRow>;

/** A minute of a product that is open. */
export const TallyRow = defineEntity({
  name: 'TallyRow',
  tableName: 'tallies',
  properties: {
    windowStart: p.bigint('number').primary(),
    productId: p.text().primary(),
    uniqueUsers: p.integer(),
    events: p.integer(),
  },
});

/** What became of the events, each counted once. */
export const TotalsRow = defineEntity({
  name: 'TotalsRow',
  tableName: 'totals',
  properties: {
    id: p.integer().primary(),
    accepted: p.bigint('number'),
    counted: p.bigint('number'),
    late: p.bigint('number'),
    malformed: p.bigint('number'),
  },
});

/** How far each partition of the topic was taken. */
export const ProgressRow = defineEntity({
  name: 'ProgressRow',
  tableName: 'progress',
  properties: {
    partition: p.integer().primary(),
    next: p.bigint('number'),
    watermark: p.bigint('number').nullable(),
  },
});
