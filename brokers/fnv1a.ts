// FNV-1a (Fowler, Noll, Vo) with 32 bits: spreads keys over partitions and buckets. Not for secrets.

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** The hash of the texts one after another, as an unsigned 32-bit integer; over UTF-16 units, so the same on every node. */
export function fnv1a(...texts: readonly string[]): number {
  let hash = OFFSET_BASIS;
  for (const text of texts) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  }
  return hash >>> 0;
}
