// The tables of analytics. Times are milliseconds since 1970 UTC but in `windows`, which people read.
//
//   progress      events, users (of windows that are open) ─► tallies (open) ─► windows (closed, for good)      totals

import { Migration } from '@mikro-orm/migrations';

export class Migration0001Analytics extends Migration {
  override up(): void {
    // One row per partition of the topic: what was taken, and the event time that it has reached (null: none yet).
    this.addSql(`create table progress (
      partition int primary key,
      next bigint not null default 0,
      watermark bigint
    ) with (fillfactor = 20)`);
    // Whoever is in one of these was counted.
    this.addSql(`create table events (
      window_start bigint not null,
      product_id text collate "C" not null,
      event_id text collate "C" not null,
      primary key (window_start, product_id, event_id)
    )`);
    this.addSql(`create table users (
      window_start bigint not null,
      product_id text collate "C" not null,
      user_id text collate "C" not null,
      primary key (window_start, product_id, user_id)
    )`);
    this.addSql(`create table tallies (
      window_start bigint not null,
      product_id text collate "C" not null,
      unique_users int not null,
      events int not null,
      primary key (window_start, product_id)
    ) with (fillfactor = 70)`);
    this.addSql(`create table windows (
      product_id text collate "C" not null,
      window_start timestamptz not null,
      unique_users int not null,
      events int not null,
      primary key (product_id, window_start)
    )`);
    this.addSql(`create table totals (
      id int primary key check (id = 1),
      accepted bigint not null default 0,
      counted bigint not null default 0,
      late bigint not null default 0,
      malformed bigint not null default 0
    ) with (fillfactor = 20)`);
    this.addSql('insert into totals (id) values (1)');
  }
}
