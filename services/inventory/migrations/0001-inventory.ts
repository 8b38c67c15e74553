// The tables of stock: one actor per partition, a row per SKU, reservation and return.

import { Migration } from '@mikro-orm/migrations';
import { actorTables } from '../../../mixins/postgres/actor-tables.ts';

export class Migration0001Inventory extends Migration {
  override up(): void {
    for (const statement of actorTables()) this.addSql(statement);
  }
}
