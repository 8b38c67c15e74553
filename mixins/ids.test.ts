import { describe, expect, it } from '@jest/globals';
import { derivedId, idFromCommand } from './ids.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/;

describe('a derived id', () => {
  it('is the same for the same parts, today and on every node', () => {
    expect(derivedId('command', 'user:1', 'key')).toBe('94a94a9d-93bc-886e-a3ae-27babbb0c5d6');
    expect(derivedId('command', 'user:1', 'key')).toBe(derivedId('command', 'user:1', 'key'));
  });

  it('is a UUID of version 8', () => {
    for (let i = 0; i < 100; i++) expect(derivedId(String(i))).toMatch(uuid);
  });

  it('keeps parts apart: what one ends with is not what the next begins with', () => {
    const ids = [['ab', 'c'], ['a', 'bc'], ['abc'], ['a', 'b', 'c'], ['a","b', 'c'], []].map((parts) =>
      derivedId(...parts),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the id of what a command creates', () => {
  it('is the command id itself if that is a UUID', () => {
    expect(idFromCommand('018bcfe5-6800-7000-8000-000000000001')).toBe('018bcfe5-6800-7000-8000-000000000001');
  });

  it.each(['replay-536365', '', '018BCFE5-6800-7000-8000-000000000001', '018bcfe5-6800-7000-8000-000000000001 '])(
    'is derived from anything else: %j',
    (commandId) => {
      expect(idFromCommand(commandId)).toMatch(uuid);
      expect(idFromCommand(commandId)).toBe(idFromCommand(commandId));
    },
  );
});
