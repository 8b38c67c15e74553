// The tables of orders, with an index for each way in which they are listed, newest first.

import { Migration } from '@mikro-orm/migrations';
import { actorTables } from '../../../mixins/postgres/actor-tables.ts';

export class Migration0001Orders extends Migration {
  override up(): void {
    const statements = actorTables({
      readColumns: [
        'customer_id text collate "C"',
        'reference text collate "C"',
        'status text collate "C"',
        'created_at bigint',
      ],
      // The status changes with almost every commit: with an index on it, each would write all indexes anew.
      readIndexes: [
        '(created_at, id) where created_at is not null',
        '(customer_id, created_at, id) where customer_id is not null',
        '(reference, created_at, id) where reference is not null',
      ],
    });
    for (const statement of statements) this.addSql(statement);
  }
}
