// The statements of analytics. Each is planned once per connection, so each lookup is by a whole key.

import type { Prepared } from '../../mixins/postgres/lane.ts';

export const begin: Prepared = {
  name: 'begin',
  text: 'insert into progress (partition) select * from generate_series(0, $1::int4 - 1) on conflict (partition) do nothing',
};

export const readProgress: Prepared = {
  name: 'read-progress',
  text: 'select next, watermark from progress order by partition',
};

/**
 * Takes a batch, once: what was read and its effect change together, and only if nobody took any of it before. All rows
 * of `progress` are locked, because whether an event is late depends on every partition.
 */
export const take: Prepared = {
  name: 'take',
  text: `
    with held as materialized (
      select partition, next from progress order by partition for update
    ), fits as materialized (
      select count(*) = cardinality($1::int8[]) as fits
      from held h join unnest($1::int8[]) with ordinality as e(next, number) on e.number = h.partition + 1 and e.next = h.next
    ), moved as (
      update progress p set next = w.next, watermark = w.watermark::int8
      from unnest($2::int8[], $3::text[]) with ordinality as w(next, watermark, number), fits
      where fits.fits and p.partition = w.number - 1 and p.next <> w.next
    ), counted as (
      insert into events (window_start, product_id, event_id)
      select e.window_start, e.product_id, e.event_id
      from unnest($4::int8[], $5::text[], $6::text[]) as e(window_start, product_id, event_id), fits
      where fits.fits
      on conflict (window_start, product_id, event_id) do nothing
      returning window_start, product_id, event_id
    ), seen as (
      insert into users (window_start, product_id, user_id)
      select distinct e.window_start, e.product_id, e.user_id
      from unnest($4::int8[], $5::text[], $6::text[], $7::text[]) as e(window_start, product_id, event_id, user_id)
      join counted c on c.window_start = e.window_start and c.product_id = e.product_id and c.event_id = e.event_id
      on conflict (window_start, product_id, user_id) do nothing
      returning window_start, product_id
    ), tallied as (
      insert into tallies as t (window_start, product_id, unique_users, events)
      select g.window_start, g.product_id, sum(g.users), sum(g.events)
      from (
        select window_start, product_id, 0 as users, 1 as events from counted
        union all
        select window_start, product_id, 1, 0 from seen
      ) g
      group by g.window_start, g.product_id
      on conflict (window_start, product_id) do update
        set unique_users = t.unique_users + excluded.unique_users, events = t.events + excluded.events
    ), summed as (
      update totals t set
        accepted = t.accepted + $8::int8,
        counted = t.counted + (select count(*) from counted),
        late = t.late + $9::int8,
        malformed = t.malformed + $10::int8
      from fits where fits.fits and t.id = 1
    )
    select fits::int from fits`,
};

/**
 * Closes windows of so many products, the oldest first. A window that the watermark has passed gets no more events, so its
 * tally is final.
 */
export const close: Prepared = {
  name: 'close',
  text: `
    with chosen as materialized (
      select window_start, product_id from tallies
      where window_start <= $1::int8 order by window_start, product_id limit $2::int4
    ), last as materialized (
      select window_start, product_id from chosen order by window_start desc, product_id desc limit 1
    ), closed as (
      delete from tallies
      where (window_start, product_id) <= ((select window_start from last), (select product_id from last))
      returning window_start, product_id, unique_users, events
    ), shown as (
      insert into windows (product_id, window_start, unique_users, events)
      select product_id, to_timestamp(window_start / 1000), unique_users, events from closed
      returning 1
    )
    select count(*) from shown`,
};

/** Forgets who was counted in windows that are closed, so many at a time. */
const forget = (table: 'events' | 'users', id: string): Prepared => ({
  name: `forget-${table}`,
  text: `
    with chosen as materialized (
      select window_start, product_id, ${id} as id from ${table}
      where window_start <= $1::int8 order by window_start, product_id, ${id} limit $2::int4
    ), last as materialized (
      select window_start, product_id, id from chosen order by window_start desc, product_id desc, id desc limit 1
    ), gone as (
      delete from ${table} where (window_start, product_id, ${id})
        <= ((select window_start from last), (select product_id from last), (select id from last))
      returning 1
    )
    select count(*) from gone`,
});
export const forgetEvents = forget('events', 'event_id');
export const forgetUsers = forget('users', 'user_id');
