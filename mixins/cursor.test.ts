import { describe, expect, it } from '@jest/globals';
import { createCursors } from './cursor.ts';

const cursors = createCursors(Buffer.alloc(32, 1));
const cursor = cursors.encode('products?sort=name', { after: ['Teapot ☕', 'p-1'] });
const unknown = expect.objectContaining({
  type: 'invalid-request',
  code: 422,
  data: { errors: [expect.objectContaining({ pointer: '?cursor' })] },
});

describe('a cursor', () => {
  it('gives back the position, and fits into a URL as it is', () => {
    expect(cursors.decode('products?sort=name', cursor)).toEqual({ after: ['Teapot ☕', 'p-1'] });
    expect(encodeURIComponent(cursor)).toBe(cursor);
  });
  it('is worth nothing in a list of another order', () => {
    expect(() => cursors.decode('products?sort=price', cursor)).toThrow(unknown);
  });
  it('of another installation is refused', () => {
    expect(() => createCursors(Buffer.alloc(32, 2)).decode('products?sort=name', cursor)).toThrow(unknown);
  });
  it.each([
    [''],
    ['x'],
    ['%00'],
    [`${cursor}A`],
    [cursor.slice(0, -1)],
    [cursor.slice(4)],
    ['A'.repeat(5_000)],
    [Buffer.from('{"after":[]}').toString('base64url')],
  ])('made up as %s is refused', (made) => expect(() => cursors.decode('products?sort=name', made)).toThrow(unknown));
});
