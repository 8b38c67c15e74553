// How a start says that it cannot go on.

/** A start that cannot go on for a reason the person at the terminal can mend. The message is a full sentence. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
}
