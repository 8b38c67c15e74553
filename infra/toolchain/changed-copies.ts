// Changed copies of our own files, for tests of the tests: a bug is put back into a copy, and a check must find it.
//
//   entry files + everything they import from this repository ──copy──► .cache/mutants/…/  ──replace──► import
//
// A piece of text to be replaced must occur exactly once, so that a mutant cannot go stale without anyone noticing.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { importsOf } from './tidy.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Inside the repository, so that copies find the same packages. */
const CACHE = join(ROOT, '.cache/mutants/');

export interface TextChange {
  /** Path from the root of the repository. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** One copy of some files. */
export interface Copy {
  /** Imports a file of the copy by its path from the root of the repository. */
  load<T>(file: string): Promise<T>;
}

export interface Copies {
  /**
   * Copies the entry files with all they import, and makes the changes.
   * @throws Error if a text to be replaced does not occur exactly once
   */
  copy(entries: readonly string[], changes?: readonly TextChange[]): Copy;
  /** Removes all copies. */
  remove(): void;
}

/** A folder for copies. */
export function changedCopies(): Copies {
  mkdirSync(CACHE, { recursive: true });
  const folder = mkdtempSync(CACHE);
  return {
    copy(entries, changes = []) {
      const copy = mkdtempSync(`${folder}/`);
      for (const path of closureOf(entries)) {
        mkdirSync(join(copy, dirname(path)), { recursive: true });
        copyFileSync(join(ROOT, path), join(copy, path));
      }
      for (const change of changes) apply(copy, change);
      return { load: async <T>(file: string) => (await import(pathToFileURL(join(copy, file)).href)) as T };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function apply(copy: string, { file, from, to }: TextChange): void {
  const text = readFileSync(join(copy, file), 'utf8');
  const count = text.split(from).length - 1;
  if (count !== 1) throw new Error(`${file} holds this ${count} times instead of once: ${from}`);
  writeFileSync(
    join(copy, file),
    text.replace(from, () => to),
  );
}

/** The files and everything of this repository that they import. */
function closureOf(entries: readonly string[]): ReadonlySet<string> {
  const found = new Set(entries);
  // A set goes on to what is added while it is walked.
  for (const path of found) {
    for (const specifier of importsOf(readFileSync(join(ROOT, path), 'utf8'))) {
      if (specifier.startsWith('.')) found.add(posix.join(posix.dirname(path), specifier));
    }
  }
  return found;
}
