// Messages that a fault has put into topics on purpose. Each carries an id that says so.

import type { TopicRecord } from '../books/books.ts';

const PREFIX = 'poison-';

/** Whether a fault wrote this record; nobody is expected to make anything of it. */
export const isPoison = ({ id, key }: Pick<TopicRecord, 'id' | 'key'>): boolean =>
  id.startsWith(PREFIX) || key.startsWith(PREFIX);
