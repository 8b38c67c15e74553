// The tables of payments.

import { Migration } from '@mikro-orm/migrations';
import { actorTables } from '../../../mixins/postgres/actor-tables.ts';

export class Migration0001Payments extends Migration {
  override up(): void {
    for (const statement of actorTables()) this.addSql(statement);
  }
}
