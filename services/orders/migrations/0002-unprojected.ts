// Which orders of customers the history does not know yet as they are (ADR 25): a row per order, written by the database
// itself in the statement that changes the order, deleted once the history has it. Orders of guests have none, and cost
// nothing: the condition of the trigger is looked at before anything is called.

import { Migration } from '@mikro-orm/migrations';

/** Orders that the table does not know, or knows an older version of. */
const REMEMBER = `
insert into unprojected (id, customer_id, version)
select a.id, a.customer_id, a.version from actors a
where a.customer_id is not null
and not exists (select from unprojected u where u.id = a.id and u.version >= a.version)
order by a.id
on conflict (id) do update set version = excluded.version`;

export class Migration0002Unprojected extends Migration {
  override up(): void {
    this.addSql(`
create table unprojected (
  id text collate "C" primary key,
  customer_id text collate "C" not null,
  version bigint not null,
  changed_at timestamptz not null default now()
) with (fillfactor = 80)`);
    this.addSql('create index on unprojected (customer_id)');
    // Most of the work while orders go on; once the triggers are there, and orders wait, the few that have changed since.
    this.addSql(REMEMBER);
    this.addSql(`
create function remember_unprojected() returns trigger language plpgsql as $$
begin
  insert into unprojected (id, customer_id, version) values (new.id, new.customer_id, new.version)
  on conflict (id) do update set version = excluded.version, changed_at = excluded.changed_at;
  return null;
end $$`);
    this.addSql(`
create trigger unprojected_when_new after insert on actors for each row
when (new.customer_id is not null) execute function remember_unprojected()`);
    // A version without a change of state (an answer that is kept) shows nothing new.
    this.addSql(`
create trigger unprojected_when_changed after update on actors for each row
when (new.customer_id is not null and new.state is distinct from old.state) execute function remember_unprojected()`);
    this.addSql(REMEMBER);
  }
}
