// The tables of accounts, with an index for the order of their list.

import { Migration } from '@mikro-orm/migrations';
import { actorTables } from '../../../mixins/postgres/actor-tables.ts';

export class Migration0001Users extends Migration {
  override up(): void {
    const statements = actorTables({
      readColumns: ['email text', 'name text', 'phone text', 'address text', 'role text', 'created_at timestamptz'],
      readIndexes: ['(created_at, id)'],
    });
    for (const statement of statements) this.addSql(statement);
  }
}
