// A bug that is put back on purpose, into a copy of the production files: the checkers of the campaign must find it by what
// clients saw and what the stores hold.

import type { TextChange } from '../../../infra/toolchain/changed-copies.ts';

export interface PlantedBug {
  /** Its number in the list of bugs that money was lost by in other systems; none: it is in their company, or our own. */
  readonly number?: number;
  /** As one would tell it. */
  readonly bug: string;
  readonly changes: readonly TextChange[];
  /** The seed that showed it last is tried first; none: the first seed showed it. */
  readonly seed?: number;
}

/** Replaces a text, which must occur exactly once. */
export const put = (file: string, from: string, to: string): TextChange => ({ file, from, to });
