// Records tell which trace they belong to.

import { Migration } from '@mikro-orm/migrations';

export class Migration0002Traces extends Migration {
  override up(): void {
    // W3C `traceparent`; the release before this one neither writes nor reads it.
    this.addSql('alter table records add column traceparent text');
  }
}
