// What search reads: a narrow row beside each live product, the categories there are, and the words there are, for words
// that are mistyped. Triggers keep them in the commit of the product, so that what was answered 201 is found.
//
//   actors ──index_products()──┬──► search        a row for each live product, with the words of its name and all its words
//                              ├──► categories    each path once, by number
//                              ├──► vocabulary    each word of a name or a description once, with its trigrams
//                              └──► catalogue     one row: a number that each change of a product raises

import { Migration } from '@mikro-orm/migrations';

/**
 * A text without case, accents and apostrophes: what is kept and what is asked for go through it alike. What Unicode does
 * not take apart into a letter and an accent is spelled out. The columns compare bytes, but what is a letter, and which is
 * the small one, the database's own locale has to say.
 */
const FOLD = `create function fold(value text) returns text language sql immutable parallel safe as $$
  select replace(replace(replace(translate(
    regexp_replace(normalize(lower(value collate "default"), NFKD), '[\\u0300-\\u036f''’\`]', '', 'g'),
    'øđðłı', 'oddli'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe')
$$`;

/** Words are runs of letters and digits; the first 64 characters of each count. */
const WORDS_OF = `create function words_of(value text) returns text[] language sql immutable parallel safe as $$
  select array(select left(word, 64) from regexp_split_to_table(fold(value) collate "default", '[^[:alnum:]]+') word where word <> '')
$$`;

/** A SKU is found by its parts, and by all of them written as one word: \`ab-12\` by \`ab12\`. */
const WORDS_OF_SKU = `create function words_of_sku(sku text) returns text[] language sql immutable parallel safe as $$
  select words || left(array_to_string(words, ''), 64) from words_of(sku) words where words <> '{}'
$$`;

/**
 * The range of a price in ten-thousandths, by number: 0 is below 0.01, then ranges begin at 0.01, 0.02, 0.05, 0.10 and so
 * on to 500 thousand million, whatever the currency.
 */
const PRICE_RANGE = `create function price_range(price bigint) returns smallint language sql immutable parallel safe as $$
  select width_bucket(price, '{${ladder().join(',')}}'::bigint[])::smallint
$$`;

function ladder(): readonly number[] {
  const decades = Array.from({ length: 14 }, (_, i) => 100 * 10 ** i);
  return decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]);
}

/**
 * Takes over the products of a table. Whatever two nodes could both write is written in order, so that none waits for the
 * other in a ring. Words that were in use once stay in the vocabulary: they are only ever candidates.
 */
const takeOver = (table: string) => `
  insert into categories (path)
    select distinct c.category from ${table} c
    where c.status = 'live' and c.category is not null and not exists (select from categories k where k.path = c.category)
    order by 1 on conflict do nothing;
  with spoken as materialized (
    select c.*, coalesce(words_of_sku(c.sku), '{}') as number_words, words_of(c.name) as name_words,
      words_of(coalesce(c.description, '')) as description_words
    from ${table} c where c.status = 'live'
  ), stored as (
    insert into search as s
      (updated_at, unit_price, category, length, price_range, currency, sku, name, names, words)
    select c.updated_at, c.unit_price, (select k.number from categories k where k.path = c.category),
      cardinality(name_words), price_range(c.unit_price), c.currency, c.sku, c.name,
      array_to_tsvector(number_words || name_words),
      array_to_tsvector(number_words || name_words || description_words)
    from spoken c order by c.sku
    on conflict (sku) do update set updated_at = excluded.updated_at, unit_price = excluded.unit_price,
      category = excluded.category, length = excluded.length, price_range = excluded.price_range,
      currency = excluded.currency, name = excluded.name, names = excluded.names, words = excluded.words
  )
  insert into vocabulary (word)
    select distinct word from spoken, unnest(name_words || description_words) word
    where length(word) between 3 and 32 order by 1 on conflict do nothing;`;

/** Has the schema's own search path, for whoever edits by hand. Both triggers fire for an upsert, one of them for nothing. */
const INDEX_PRODUCTS = `create function index_products() returns trigger language plpgsql set search_path from current as $$
begin
  if not exists (select from changed) then return null; end if;
  ${takeOver('changed')}
  delete from search s using changed c where s.sku = c.sku and c.status is distinct from 'live';
  update catalogue set change = change + 1;
  return null;
end $$`;

/**
 * pg_trgm is part of PostgreSQL's own distribution, and the owner of a database may install it. It is there once for all
 * schemas, wherever somebody has put it; two that are migrated at a time would fall over each other.
 */
const TRIGRAMS = `do $$
declare trigrams text;
begin
  perform pg_advisory_xact_lock(hashtext('pg_trgm'));
  create extension if not exists pg_trgm with schema public;
  select quote_ident(nspname) into trigrams
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where extname = 'pg_trgm';
  execute format('create index on vocabulary using gin (word %s.gin_trgm_ops)', trigrams);
  execute format('create function alike(asked text) returns table (word text, similarity real) language sql stable
    set search_path from current set pg_trgm.similarity_threshold = 0.2 as $body$
      select v.word, %1$s.similarity(v.word, asked) from vocabulary v where v.word operator(%1$s.%%) asked
      order by 2 desc, 1 limit 100
    $body$', trigrams);
end $$`;

export class Migration0002Search extends Migration {
  override up(): void {
    for (const statement of [FOLD, WORDS_OF, WORDS_OF_SKU, PRICE_RANGE]) this.addSql(statement);
    this.addSql(
      'create table categories (number integer generated always as identity primary key, path text collate "C" not null unique)',
    );
    this.addSql('create table vocabulary (word text collate "C" primary key)');
    this.addSql('create table catalogue (change bigint not null)');
    this.addSql('insert into catalogue values (0)');
    // What is counted comes first: it is found in a row without looking at what stands before it.
    this.addSql(`create table search (
      updated_at timestamptz not null,
      unit_price bigint not null,
      category integer,
      length smallint not null,
      price_range smallint not null,
      currency text collate "C" not null,
      sku text collate "C" primary key,
      name text collate "C" not null,
      names tsvector not null,
      words tsvector not null
    )`);
    this.addSql(takeOver('actors'));
    // What waits to be indexed is read by every search: little may wait.
    for (const column of ['names', 'words'])
      this.addSql(`create index on search using gin (${column}) with (gin_pending_list_limit = 256)`);
    this.addSql('create index on search (fold(sku))');
    this.addSql('create index on search (category)');
    this.addSql(TRIGRAMS);
    this.addSql(INDEX_PRODUCTS);
    for (const event of ['insert', 'update'])
      this.addSql(`create trigger index_products_on_${event} after ${event} on actors
        referencing new table as changed for each statement execute function index_products()`);
  }
}
