// The statements of the embedded log. Each is planned once per connection, so each lookup is by a whole key.

import type { Prepared } from '../postgres/lane.ts';

/** Positions and leases may be lost in a crash of the database: that costs a repeat, so nobody waits for the disk. */
const unhurried = `unhurried as materialized (select set_config('synchronous_commit', 'off', true))`;

/**
 * Offsets without gaps that become readable in their order: whoever holds the row of a partition's end numbers its
 * events and commits before the next one may. Rows are locked in key order, so appenders never deadlock.
 */
export const append: Prepared = {
  name: 'log-append',
  text: `
    with wanted as (
      select * from unnest($1::text[], $2::int4[], $3::int4[]) with ordinality as w(topic, partition, events, number)
    ), locked as materialized (
      select w.number, w.events, e.topic, e.partition, e."offset" as first
      from wanted w join ends e on e.topic = w.topic and e.partition = w.partition
      order by e.topic, e.partition
      for update of e
    ), moved as (
      update ends e set "offset" = l.first + l.events
      from locked l where e.topic = l.topic and e.partition = l.partition
      returning l.number, l.topic, l.partition, l.first, floor(extract(epoch from clock_timestamp()) * 1000)::int8 as at
    ), stored as (
      insert into records (topic, partition, "offset", at, ce_time, key, ce_id, ce_source, value, traceparent)
      select m.topic, m.partition, m.first + r.place, m.at, r.time, r.key, r.id, r.source, r.value, r.traceparent
      from unnest($4::int4[], $5::int4[], $6::int8[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
        as r(number, place, time, key, id, source, value, traceparent)
      join moved m on m.number = r.number
    )
    select number, first, at from moved`,
};

export const read: Prepared = {
  name: 'log-read',
  text: `
    select r.topic, r.partition, r."offset", r.at, r.ce_time, r.key, r.ce_id, r.ce_source, r.value, r.traceparent
    from unnest($1::text[], $2::int4[], $3::int8[]) as w(topic, partition, "offset")
    cross join lateral (
      select * from records r
      where r.topic = w.topic and r.partition = w.partition and r."offset" >= w."offset"
      order by r."offset" limit $4::int4
    ) r`,
};

/** Partitions that the catalogue has and the log has not. */
export const begin: Prepared = {
  name: 'log-begin',
  text: `
    insert into ends (topic, partition) select * from unnest($1::text[], $2::int4[])
    on conflict (topic, partition) do nothing`,
};

export const ends: Prepared = { name: 'log-ends', text: 'select topic, partition, "offset" from ends' };

export const claim: Prepared = {
  name: 'log-claim',
  text: `
    with ${unhurried}, taken as (
      insert into leases as l ("group", topic, holder, until)
      select $1::text, w.topic, $3::text, clock_timestamp() + $4::int4 * interval '1 millisecond'
      from unnest($2::text[]) as w(topic), unhurried order by w.topic
      on conflict ("group", topic) do update set holder = excluded.holder, until = excluded.until
        where l.holder = excluded.holder or l.until < clock_timestamp()
      returning l.topic
    )
    select e.topic, e.partition, coalesce(o."offset", 0), coalesce(o.era, 0), e."offset"
    from taken t join ends e on e.topic = t.topic
    left join offsets o on o."group" = $1::text and o.topic = e.topic and o.partition = e.partition`,
};

export const release: Prepared = {
  name: 'log-release',
  text: `update leases set until = '-infinity' where "group" = $1::text and holder = $2::text`,
};

export const advance: Prepared = {
  name: 'log-advance',
  text: `
    with ${unhurried}
    insert into offsets as o ("group", topic, partition, "offset", era)
    select $1::text, p.topic, p.partition, p."offset", p.era
    from unnest($2::text[], $3::int4[], $4::int8[], $5::int4[]) as p(topic, partition, "offset", era), unhurried
    order by p.topic, p.partition
    on conflict ("group", topic, partition) do update set "offset" = excluded."offset"
      where o.era = excluded.era and o."offset" < excluded."offset"`,
};

export const seek: Prepared = {
  name: 'log-seek',
  text: `
    insert into offsets as o ("group", topic, partition, "offset", era)
    values ($1::text, $2::text, $3::int4, $4::int8, 1)
    on conflict ("group", topic, partition) do update set "offset" = excluded."offset", era = o.era + 1`,
};

export const bury: Prepared = {
  name: 'log-bury',
  text: `
    insert into dead_letters ("group", topic, partition, "offset", appended_at, ce_time, key, ce_id, ce_source, value, reason)
    values ($1::text, $2::text, $3::int4, $4::int8, $5::int8, $6::int8, $7::text, $8::text, $9::text, $10::text, $11::text)
    on conflict ("group", topic, partition, "offset") do nothing`,
};

export const deadLetters: Prepared = {
  name: 'log-dead-letters',
  text: `
    select topic, partition, "offset", appended_at, ce_time, key, ce_id, ce_source, value, "group", reason
    from dead_letters order by at limit $1::int4`,
};

/** The oldest records of a partition, as far as they have expired; returns how many went. */
export const expire: Prepared = {
  name: 'log-expire',
  text: `
    with oldest as materialized (
      select "offset", at from records where topic = $1::text and partition = $2::int4 order by "offset" limit $4::int4
    ), last as materialized (
      select max("offset") as "offset" from oldest
      where at < floor(extract(epoch from clock_timestamp()) * 1000)::int8 - $3::int8
    ), gone as (
      delete from records
      where topic = $1::text and partition = $2::int4 and "offset" <= (select "offset" from last)
      returning 1
    )
    select count(*) from gone`,
};
