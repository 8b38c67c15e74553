// The tables of products, with an index for each order that the list can have, and the catalogues that were loaded.

import { Migration } from '@mikro-orm/migrations';
import { actorTables } from '../../../mixins/postgres/actor-tables.ts';

/** Whoever reads the catalogue reads what is sold. */
const LIVE = "status = 'live'";

export class Migration0001Products extends Migration {
  override up(): void {
    const statements = actorTables({
      readColumns: [
        'sku text collate "C"',
        'name text collate "C"',
        'description text',
        'category text collate "C"',
        'unit_price bigint',
        'currency text',
        'partition text',
        'status text',
        'updated_at timestamptz',
      ],
      readIndexes: [
        `(sku) where ${LIVE}`,
        `(name, id) where ${LIVE}`,
        `(unit_price, id) where ${LIVE}`,
        `(updated_at, id) where ${LIVE}`,
        `(category, sku) where ${LIVE}`,
      ],
    });
    for (const statement of statements) this.addSql(statement);
    this.addSql(
      'create table loads (name text primary key, products integer not null, at timestamptz not null default now())',
    );
  }
}
