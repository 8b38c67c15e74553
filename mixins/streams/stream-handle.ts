// Bytes between two nodes, piece by piece, each asked for or taken before the next one travels: whoever is slower sets the
// pace, and neither side holds more than a few pieces. (Moleculer's own streams over a transporter have no such thing: a
// slow reader's node holds the whole file, and who makes it never learns that the reader left.)
//
//   out   action ─► handle ─► pull 0 ─► pull 1 ─► … ─► last ─► close            (the node that made the handle, by name)
//   in    action ─► handle ─► push 0 ─► push 1 ─► … ─► last ─► result ─► close
//
// Pieces are numbered: one whose answer was lost is asked for, or sent, again.

/** Bytes of a piece. In base64, because what travels is JSON, it is a quarter of what any NATS takes in a message (1 MB). */
export const PIECE_BYTES = 196_608;
/** Streams that one service has open on a node; each holds some pieces, a page of rows or a batch of them. */
export const STREAMS_MAX = 64;
/** A stream of which nobody has heard for so long is closed, in milliseconds: its other side died without a word. */
export const IDLE_MS = 30_000;
/** How often the other side says that it is still there, in milliseconds; it may have a slow reader, or a slow sender. */
export const KEEP_MS = 10_000;
/** How long a piece that was sent waits for room before its sender is told to ask again, in milliseconds. */
export const ROOM_WITHIN_MS = 5_000;
/** How long one call about a stream may take, in milliseconds. */
export const PIECE_TIMEOUT_MS = 10_000;
/** How long a call that was not answered is repeated, in milliseconds: NATS comes back, a node that died does not. */
export const REPEAT_WITHIN_MS = 5_000;

/** An open stream at a node. */
export interface StreamHandle {
  readonly streamId: string;
  readonly nodeId: string;
}

/** A part of a stream that is pulled; without bytes it is the end. */
export interface Piece {
  /** In base64. */
  readonly bytes?: string;
}

/** What became of a piece that was pushed: taken, to be sent again because there is no room yet, or all is done. */
export type Progress = { readonly more: boolean } | { readonly result: unknown };

/** Whether an action has answered with a stream that is to be pulled from its node. */
export function isStreamHandle(data: unknown): data is StreamHandle {
  if (typeof data !== 'object' || data === null) return false;
  const { streamId, nodeId } = data as Partial<StreamHandle>;
  return typeof streamId === 'string' && typeof nodeId === 'string';
}
