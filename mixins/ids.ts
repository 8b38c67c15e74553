// Ids are minted before the first attempt: whatever derives from one command id is the same on every retry and node.

import { hash } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A UUID (version 8, RFC 9562) from a hash of the parts; the same parts give the same id. */
export function derivedId(...parts: readonly string[]): string {
  const hex = hash('sha256', JSON.stringify(parts), 'hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * The id of the thing that a command creates. A command id that is a UUID already (a request without a key has a
 * time-ordered one) is taken as it is: ids in time order cost the database less than scattered ones.
 */
export function idFromCommand(commandId: string): string {
  return UUID.test(commandId) ? commandId : derivedId('created-by', commandId);
}
