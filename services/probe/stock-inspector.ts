// Looks at stock: the balances of each SKU, and the same counted once more from the movements. Movements are read once, as
// they come, and added up here; so a round over the SKUs costs what there are of these, whatever their history.
//
//   one snapshot:  version of a partition ─► its movements since the last look ─► sums per SKU ─┐
//                  SKUs that moved, the next slice of all, those that looked wrong before ──────┴─► equal?
//
// Balances and movements are of one snapshot: a busy shop is no wrong one, and one look is enough.

import type { EntityManager } from '@mikro-orm/postgresql';
import { type SkuRow, skuKey } from '../../actors/stock.ts';
import type { Reader } from '../../mixins/postgres/reader.ts';
import {
  addMovements,
  boundFaults,
  movedBetween,
  movementFaults,
  pieceFaults,
  SKUS_MAX,
  skusAfter,
  type StoredSku,
  type Sums,
  VERSIONS_SLICE,
} from '../inventory/invariants.ts';
import { rounds, type Rounds } from './rounds.ts';
import { type Inspector, type Look, nothingSeen, type Suspicion, together } from './suspicion.ts';

/** SKUs of one query. */
const SLICE = 200;
const PARTITIONS_MAX = 16;
/** Versions that the first look sums up; more as long as there is time for them, fewer when there was none. */
const VERSIONS_FIRST = 250;

interface Partition {
  readonly id: string;
  readonly sums: Sums;
  /** Movements up to this version are in the sums. */
  version: number;
  readonly skus: Rounds<string | undefined>;
  /** More SKUs have moved than can be remembered. */
  tooMany: boolean;
  behind: number;
}

/** Begins to look; the movements are read from the first one on. */
export function inspectStock({ reader }: { readonly reader: Reader }): Inspector {
  const partitions = new Map<string, Partition>();
  let turn = 0;
  let versions = VERSIONS_FIRST;
  /** There is nothing yet, which is soon looked at. */
  let isEmpty = false;

  async function lookAt(em: EntityManager, partition: Partition, to: number, again: readonly string[]): Promise<Look> {
    const { id, sums, skus } = partition;
    const upTo = Math.min(to, partition.version + versions);
    const moved = upTo > partition.version ? await movedBetween(em, id, partition.version, upTo) : [];
    for (const one of moved) addMovements(sums, one);
    partition.version = upTo;
    partition.behind = to - upTo;
    partition.tooMany ||= sums.size > SKUS_MAX;
    if (partition.tooMany) sums.clear();

    const next = await skusAfter(em, id, skus.at(), SLICE);
    skus.reached(next.length < SLICE ? undefined : next.at(-1)?.key, Date.now());
    const seen = new Set(next.map(({ key }) => key));
    const wanted = new Set([...again, ...moved.slice(-SLICE).map(({ sku }) => sku)].map(skuKey));
    const others = [...wanted].filter((key) => !seen.has(key));
    const found = [...next, ...(others.length === 0 ? [] : await skusOf(em, id, others))];
    const complete = partition.behind === 0;
    const suspicions = found.flatMap(({ key, data }) => {
      const sku = key.slice(skuKey('').length);
      const row = JSON.parse(data) as SkuRow;
      return [
        ...boundFaults(sku, row).map((sentence) => suspicion('I5', id, sku, 'bounds', sentence)),
        ...pieceFaults(sku, row).map((sentence) => suspicion('I6', id, sku, 'pieces', sentence)),
        ...(partition.tooMany ? [] : movementFaults(sku, row, sums.get(sku), complete)).map((sentence) =>
          suspicion('I6', id, sku, `movements of ${sentence.split(' ')[1]}`, sentence),
        ),
      ];
    });
    const present = new Set(found.map(({ key }) => key));
    const lost = others.filter((key) => complete && !present.has(key) && sums.has(key.slice(skuKey('').length)));
    return {
      subjects: [...new Set([...seen, ...wanted])].map((key) => subjectOf(id, key.slice(skuKey('').length))),
      suspicions: [
        ...suspicions,
        ...lost.map((key) => {
          const sku = key.slice(skuKey('').length);
          return suspicion('I6', id, sku, 'row', `${sku} was moved, but has no balances`);
        }),
      ],
      checked: { I5: found.length, I6: found.length },
    };
  }

  async function lookAround(em: EntityManager, again: readonly string[]): Promise<Look> {
    const rows = await em.execute<{ id: string; version: string }[]>(
      'select id, version from actors order by id limit ?',
      [PARTITIONS_MAX],
    );
    isEmpty = rows.length === 0;
    if (isEmpty) return nothingSeen;
    turn = (turn + 1) % rows.length;
    const wanted = Map.groupBy(again, (subject) => subject.slice(0, subject.indexOf(SEPARATOR)));
    const looks: Look[] = [];
    for (const [i, { id, version }] of rows.entries()) {
      const due = (wanted.get(id) ?? []).map((subject) => subject.slice(id.length + SEPARATOR.length));
      if (i !== turn && due.length === 0) continue;
      const partition = partitions.get(id) ?? open(id);
      partitions.set(id, partition);
      looks.push(await lookAt(em, partition, Number(version), due));
    }
    return together(looks);
  }

  return {
    name: 'stock',
    async step(again) {
      try {
        const look = await reader.snapshot('inventory', (em) => lookAround(em, again));
        versions = Math.min(VERSIONS_SLICE, versions * 2);
        return look;
      } catch (error) {
        // Orders of thousands of lines may take longer than a statement has: fewer at a time then.
        versions = Math.max(1, Math.floor(versions / 2));
        throw error;
      }
    },
    lastCycleMs() {
      const all = [...partitions.values()].map(({ skus }) => skus.lastMs());
      if (all.length === 0) return isEmpty ? 0 : undefined;
      if (all.some((ms) => ms === undefined)) return undefined;
      return Math.max(...(all as number[]));
    },
    partly() {
      const parts = [...partitions.values()].flatMap(({ id, tooMany, behind, version }) => {
        if (tooMany) return [`the balances alone of ${id}, which has more SKUs than can be remembered`];
        return behind === 0 ? [] : [`the movements of ${id} up to version ${version}, ${behind} are left`];
      });
      return parts.length === 0 ? undefined : parts.join(', ');
    },
  };
}

const SEPARATOR = ' ';
const subjectOf = (partition: string, sku: string): string => `${partition}${SEPARATOR}${sku}`;

function open(id: string): Partition {
  return { id, sums: new Map(), version: 0, skus: rounds<string | undefined>(undefined), tooMany: false, behind: 0 };
}

function suspicion(invariant: 'I5' | 'I6', partition: string, sku: string, rule: string, sentence: string): Suspicion {
  return { invariant, subject: subjectOf(partition, sku), rule, sentence, state: '', afterMs: 0 };
}

function skusOf(em: EntityManager, partition: string, keys: readonly string[]): Promise<StoredSku[]> {
  return em.execute<StoredSku[]>(
    'select r.key, r.data from json_array_elements_text(?::json) w join rows r on r.actor_id = ? and r.key = w.value collate "C"',
    [JSON.stringify(keys), partition],
  );
}
