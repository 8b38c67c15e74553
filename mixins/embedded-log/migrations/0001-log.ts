// The tables of the embedded log.
//
//   records ◄── ends (offset of the next record)      offsets (what each group gets next)   leases (who may take it)
//                                                     dead_letters (what a group could never handle)

import { Migration } from '@mikro-orm/migrations';

export class Migration0001Log extends Migration {
  override up(): void {
    // `ce_…` are the CloudEvents attributes of the headers; the type is the topic. Times in ms since 1970.
    this.addSql(`create table records (
      topic text not null,
      partition int not null,
      "offset" bigint not null,
      at bigint not null,
      ce_time bigint not null,
      key text not null,
      ce_id text not null,
      ce_source text not null,
      value text not null,
      primary key (topic, partition, "offset")
    )`);
    // Few rows, changed by every append: room on their pages keeps the changes off the index.
    this.addSql(`create table ends (
      topic text not null,
      partition int not null,
      "offset" bigint not null default 0,
      primary key (topic, partition)
    ) with (fillfactor = 20)`);
    this.addSql(`create table offsets (
      "group" text not null,
      topic text not null,
      partition int not null,
      "offset" bigint not null,
      era int not null default 0,
      primary key ("group", topic, partition)
    ) with (fillfactor = 20)`);
    this.addSql(`create table leases (
      "group" text not null,
      topic text not null,
      holder text not null,
      until timestamptz not null,
      primary key ("group", topic)
    ) with (fillfactor = 20)`);
    this.addSql(`create table dead_letters (
      "group" text not null,
      topic text not null,
      partition int not null,
      "offset" bigint not null,
      appended_at bigint not null,
      ce_time bigint not null,
      key text not null,
      ce_id text not null,
      ce_source text not null,
      value text not null,
      reason text not null,
      at timestamptz not null default clock_timestamp(),
      primary key ("group", topic, partition, "offset")
    )`);
  }
}
