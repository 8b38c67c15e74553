// Dead letters can be named, and say that they were given back.

import { Migration } from '@mikro-orm/migrations';

export class Migration0003Redrive extends Migration {
  override up(): void {
    this.addSql(`alter table dead_letters
      add column number bigint generated always as identity,
      add column redriven_at timestamptz`);
  }
}
