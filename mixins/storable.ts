// What every store can hold as text: UTF-8 without the zero character. Checked on our side, so that a value that cannot be
// stored is a clear error of one command and never a half-understood one of the database.

/** A text that no store can hold. The command that brought it can never be committed. */
export class UnstorableText extends Error {
  override name = 'UnstorableText';
}

/**
 * The text itself, if it can be stored.
 * @throws UnstorableText if it holds the zero character or half of a surrogate pair.
 */
export function storable(text: string): string {
  if (text.includes('\0')) throw new UnstorableText(`text holds the zero character: ${excerpt(text)}`);
  if (!text.isWellFormed()) throw new UnstorableText(`text holds half of a surrogate pair: ${excerpt(text)}`);
  return text;
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
