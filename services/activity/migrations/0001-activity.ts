// The keyed requests of activity: what each was, and what was answered.

import { Migration } from '@mikro-orm/migrations';

export class Migration0001Activity extends Migration {
  override up(): void {
    this.addSql(`create table requests (
      command_id text primary key,
      fingerprint text not null,
      begun_at timestamptz not null,
      answer text
    )`);
    this.addSql('create index requests_begun_at on requests (begun_at)');
  }
}
