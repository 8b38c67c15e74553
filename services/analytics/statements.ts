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
      insert into events (window_start, product_id, event_id, user_id)
      select e.* from unnest($4::int8[], $5::text[], $6::text[], $7::text[]) as e(window_start, product_id, event_id, user_id), fits
      where fits.fits
      on conflict (window_start, product_id, event_id) do nothing
      returning 1
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
 * Closes some products' windows, the oldest first: their events become one row each, in one step. A window that the
 * watermark has passed gets no more events, so whoever closes it closes it whole.
 */
export const close: Prepared = {
  name: 'close',
  text: `
    with chosen as materialized (
      select distinct window_start, product_id from events
      where window_start <= $1::int8 order by window_start, product_id limit $2::int4
    ), last as materialized (
      select window_start, product_id from chosen order by window_start desc, product_id desc limit 1
    ), closed as (
      delete from events
      where (window_start, product_id) <= ((select window_start from last), (select product_id from last))
      returning window_start, product_id, user_id
    ), shown as (
      insert into windows (product_id, window_start, unique_users, events)
      select product_id, to_timestamp(window_start / 1000), count(distinct user_id), count(*)
      from closed group by window_start, product_id
      returning 1
    )
    select count(*) from shown`,
};
