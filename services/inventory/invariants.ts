// What must be so of stock, looked up in the committed rows: every SKU's balances (I5, I6), and the same balances counted
// once more from the movements in the journal. All of it is one snapshot, so that a busy shop is no wrong one.
//
//   actors (version) ─► journal, in slices of versions ─► sums per SKU ─┐
//                       rows `sku:…`, in slices ───► balances ──────────┴─► equal?

import type { EntityManager } from '@mikro-orm/postgresql';
import { IsolationLevel } from '@mikro-orm/postgresql';
import { type SkuRow, skuKey } from '../../actors/stock.ts';
import { type Examination, examine, type Finding, inSlices, LOOK_MS } from '../../mixins/finding.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import { read } from '../../mixins/postgres/reads.ts';

/** Partitions of stock that are looked at. */
const PARTITIONS_MAX = 16;
/** SKUs of one query, and of a partition at most. */
const SKUS_SLICE = 1_000;
export const SKUS_MAX = 100_000;
/** Versions of a partition whose movements one query sums up; an order of the largest kind makes 2,000 lines of one. */
export const VERSIONS_SLICE = 2_000;
/** Versions of a partition that are looked at: what a laptop sums up in the time there is. */
const VERSIONS_MAX = 500_000;
/** The character after the colon of `sku:`. */
const SKU_KEYS = ['sku:', 'sku;'] as const;

const balances = ['received', 'onHand', 'reserved', 'sold', 'returned', 'writtenOff'] as const;
/** Balances that never fall: what a part of the history says of them is a lower bound. */
const growing = ['received', 'sold', 'returned', 'writtenOff'] as const;
export type Balances = Readonly<Record<(typeof balances)[number], number>>;
/** Balances by SKU, as movements add them up. */
export type Sums = Map<string, Record<keyof Balances, number>>;

/** The movements of some versions, summed per SKU; `Reserved` − `Committed` − `Released` is what is still held. */
const MOVED = `
  with entries as materialized (
    select type, data::jsonb as data from journal where id = ? and version > ? and version <= ?
  ), moved as (
    select type, data->>'sku' as sku, (data->>'quantity')::bigint as pieces from entries
      where type in ('Received', 'WrittenOff')
    union all
    select type, line->>'sku', (line->>'quantity')::bigint
      from entries cross join lateral jsonb_array_elements(data->'lines') line
      where type in ('Reserved', 'Committed', 'Released', 'Returned')
  )
  select sku, type, sum(pieces)::text as pieces, count(*)::int as movements from moved group by sku, type`;

export interface Moved {
  readonly sku: string;
  readonly type: 'Received' | 'WrittenOff' | 'Reserved' | 'Committed' | 'Released' | 'Returned';
  readonly pieces: string;
  readonly movements: number;
}

/** What the versions of a partition after `after` and up to `upTo` have moved. */
export function movedBetween(em: EntityManager, partition: string, after: number, upTo: number): Promise<Moved[]> {
  return em.execute<Moved[]>(MOVED, [partition, after, upTo]);
}

export interface StoredSku {
  readonly key: string;
  readonly data: string;
}

/** Up to `limit` SKUs of a partition after a key (`undefined`: from the first one on), by key. */
export function skusAfter(
  em: EntityManager,
  partition: string,
  after: string | undefined,
  limit: number,
): Promise<StoredSku[]> {
  const [first, end] = SKU_KEYS;
  return em.execute<StoredSku[]>(
    'select key, data from rows where actor_id = ? and key > ? and key < ? order by key limit ?',
    [partition, after ?? first, end, limit],
  );
}

/** I5 and I6 of every SKU, by the balances and by the movements. */
export async function checkStock(database: Database): Promise<readonly Finding[]> {
  const bounds = examine('I5', '0 ≤ reserved ≤ on hand, sold ≤ received + returned', 'SKUs');
  const pieces = examine('I6', 'received + returned = on hand + sold + written off', 'SKUs');
  const movements = examine('I6', 'the balances of each SKU are the sum of its movements', 'movements');
  const giveUpAt = performance.now() + LOOK_MS;
  const [someSkus, someVersions]: [string[], string[]] = [[], []];
  await read(
    database.em().transactional(
      async (em) => {
        const partitions = await em.execute<{ id: string; version: string }[]>(
          'select id, version from actors order by id limit ?',
          [PARTITIONS_MAX],
        );
        for (const { id, version } of partitions) {
          const history = await replay(em, id, Number(version), giveUpAt, movements);
          const complete = await eachSku(em, id, giveUpAt, (sku, row) => {
            checkBalances(sku, row, bounds, pieces);
            compare(sku, row, history, movements);
          });
          if (!complete) someSkus.push(`as many SKUs of ${id} as there was time for`);
          else for (const sku of history.sums.keys()) movements.wrong(`${sku} was moved, but has no balances`);
          if (!history.complete) someVersions.push(`${id} up to its version ${history.upTo} of ${version}`);
        }
        if (partitions.length === PARTITIONS_MAX) someSkus.push(`the first ${PARTITIONS_MAX} partitions`);
      },
      { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
    ),
  );
  const only = (parts: readonly string[]) => (parts.length === 0 ? undefined : parts.join(', '));
  return [
    bounds.finding(only(someSkus)),
    pieces.finding(only(someSkus)),
    movements.finding(only([...someSkus, ...someVersions])),
  ];
}

interface History {
  /** Each SKU is taken out when it was compared. */
  readonly sums: Sums;
  readonly complete: boolean;
  readonly upTo: number;
}

/** Balances as the journal of a partition tells them, from its beginning. */
async function replay(
  em: EntityManager,
  partition: string,
  version: number,
  giveUpAt: number,
  movements: Examination,
): Promise<History> {
  const sums: Sums = new Map();
  // The balances have to be read too: the movements may take half of the time.
  const enoughAt = performance.now() + (giveUpAt - performance.now()) / 2;
  let upTo = 0;
  while (upTo < Math.min(version, VERSIONS_MAX) && performance.now() < enoughAt) {
    const end = Math.min(upTo + VERSIONS_SLICE, version);
    for (const moved of await movedBetween(em, partition, upTo, end)) {
      movements.look(moved.movements);
      addMovements(sums, moved);
    }
    upTo = end;
  }
  return { sums, complete: upTo >= version, upTo };
}

/** Adds what a SKU has moved in one way to its balances. */
export function addMovements(sums: Sums, { sku, type, pieces }: Moved): void {
  const row = sums.get(sku) ?? { received: 0, onHand: 0, reserved: 0, sold: 0, returned: 0, writtenOff: 0 };
  const quantity = Number(pieces);
  switch (type) {
    case 'Received':
      row.received += quantity;
      row.onHand += quantity;
      break;
    case 'WrittenOff':
      row.writtenOff += quantity;
      row.onHand -= quantity;
      break;
    case 'Reserved':
      row.reserved += quantity;
      break;
    case 'Released':
      row.reserved -= quantity;
      break;
    case 'Committed':
      row.reserved -= quantity;
      row.onHand -= quantity;
      row.sold += quantity;
      break;
    case 'Returned':
      row.returned += quantity;
      row.onHand += quantity;
      break;
  }
  sums.set(sku, row);
}

/** Every SKU of a partition; false: rows or time ran out before. */
async function eachSku(
  em: EntityManager,
  partition: string,
  giveUpAt: number,
  take: (sku: string, row: SkuRow) => void,
): Promise<boolean> {
  const { complete } = await inSlices<StoredSku, string | undefined>({
    first: undefined,
    sliceMax: SKUS_SLICE,
    rowsMax: SKUS_MAX,
    giveUpAt,
    ask: (after) => skusAfter(em, partition, after, SKUS_SLICE),
    keyOf: ({ key }) => key,
    take: (rows) => {
      for (const { key, data } of rows) take(key.slice(skuKey('').length), JSON.parse(data) as SkuRow);
    },
  });
  return complete;
}

function checkBalances(sku: string, row: SkuRow, bounds: Examination, pieces: Examination): void {
  bounds.look(1);
  pieces.look(1);
  bounds.wrong(boundFaults(sku, row));
  pieces.wrong(pieceFaults(sku, row));
}

/** What of I5 does not hold for a SKU, as sentences. */
export function boundFaults(sku: string, row: Balances): readonly string[] {
  const { received, onHand, reserved, sold, returned } = row;
  return [
    ...(reserved >= 0 && reserved <= onHand ? [] : [`${sku}: ${reserved} are reserved, ${onHand} on hand`]),
    ...(sold <= received + returned ? [] : [`${sku}: ${sold} are sold, ${received + returned} came in`]),
  ];
}

/** What of I6 does not hold for a SKU by its balances alone, as sentences. */
export function pieceFaults(sku: string, row: Balances): readonly string[] {
  const { received, onHand, sold, returned, writtenOff } = row;
  if (received + returned === onHand + sold + writtenOff) return [];
  return [`${sku}: ${received + returned} came in, ${onHand + sold + writtenOff} are there or went out`];
}

function compare(sku: string, row: Balances, { sums, complete }: History, movements: Examination): void {
  movements.wrong(movementFaults(sku, row, sums.get(sku), complete));
  sums.delete(sku);
}

/** Each balance beside what the movements say of it: the same, or no less while only a part of them was read. */
export function movementFaults(
  sku: string,
  row: Balances,
  told: Balances | undefined,
  complete: boolean,
): readonly string[] {
  return (complete ? balances : growing).flatMap((balance) => {
    const [is, was] = [row[balance], told?.[balance] ?? 0];
    const isWrong = complete ? is !== was : is < was;
    return isWrong ? [`${sku}: ${balance} is ${is}, by its movements ${complete ? '' : 'at least '}${was}`] : [];
  });
}
