// Which state of a thing an editor saw. A single read answers with `ETag: "<revision>"`, or `"<revision>.<rest>"` where the
// answer holds more than what can be edited; `If-Match` brings it back with the edit, and the actor compares.

/** The revision that `If-Match` names; undefined if the caller does not care. What is no tag of ours names revision 0: none. */
export function revisionSeen(ifMatch: string | undefined): { readonly revision: number } | undefined {
  const tag = ifMatch?.trim().replace(/^"(.*)"$/, '$1');
  if (tag === undefined || tag === '*') return undefined;
  return { revision: Number(/^(\d{1,15})(?:\.|$)/.exec(tag)?.[1] ?? 0) };
}
