// Cursors of lists: where the next page begins, opaque to callers. They are signed, so that what a service decodes is
// what a service encoded, for the same list: no query is ever built from what a caller made up.

import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import { Problem } from '../brokers/problem.ts';

export interface Cursors {
  /**
   * The cursor of a position (plain JSON) in a list. `list` names the list and everything that fixes its order, for
   * instance `products?sort=name`: a cursor is worth nothing in another list.
   */
  encode(list: string, position: unknown): string;
  /**
   * The position that was encoded.
   * @throws Problem `invalid-request` if the cursor is not one of ours, or of another list.
   */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it has the type of what was encoded
  decode<Position>(list: string, cursor: string): Position;
}

/** Longest cursor that is looked at; the gateway refuses longer ones. */
export const CURSOR_LENGTH_MAX = 1_024;
/** Bytes of the signature: enough that none is guessed. */
const SIGNATURE_BYTES = 16;

/** Cursors signed with a key of the installation (`platform.secret('cursors')`). */
export function createCursors(key: Buffer): Cursors {
  const secret = createSecretKey(key);
  const sign = (list: string, json: string): Buffer =>
    createHmac('sha256', secret)
      .update(JSON.stringify([list, json]))
      .digest()
      .subarray(0, SIGNATURE_BYTES);
  return {
    encode(list, position) {
      const json = JSON.stringify(position);
      return Buffer.concat([sign(list, json), Buffer.from(json)]).toString('base64url');
    },
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as declared
    decode<Position>(list: string, cursor: string) {
      if (cursor.length > CURSOR_LENGTH_MAX || !/^[\w-]+$/.test(cursor)) throw unknownCursor();
      const bytes = Buffer.from(cursor, 'base64url');
      const signature = bytes.subarray(0, SIGNATURE_BYTES);
      const json = bytes.subarray(SIGNATURE_BYTES).toString();
      if (signature.length < SIGNATURE_BYTES || !timingSafeEqual(sign(list, json), signature)) throw unknownCursor();
      return JSON.parse(json) as Position;
    },
  };
}

function unknownCursor(): Problem {
  const detail = 'the cursor is not one that this list gave out: take `next` of an earlier answer as it is';
  return new Problem('invalid-request', detail, [{ pointer: '?cursor', code: 'unknown-cursor', detail }]);
}
