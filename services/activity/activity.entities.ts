// Keyed requests, so that a repeat gets the same answer and counts nothing twice.

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const RequestRow = defineEntity({
  name: 'RequestRow',
  tableName: 'requests',
  properties: {
    commandId: p.text().primary(),
    /** Of the whole request: another one under the same key is told so. */
    fingerprint: p.text(),
    /** Events were judged by this time, and are again at a repeat. */
    begunAt: p.datetime(),
    /** JSON; absent until the events are in the log. */
    answer: p.text().nullable(),
  },
});

export type RequestRow = InferEntity<typeof RequestRow>;
