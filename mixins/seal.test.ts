import { describe, expect, it } from '@jest/globals';
import { seal, unseal } from './seal.ts';

const key = Buffer.alloc(32, 7);

describe('a sealed text', () => {
  it.each(['tok_ok', '', 'naïve ☕ 🦄', 'x'.repeat(10_000)])('can be read with key and context: %j', (text) => {
    expect(unseal(key, 'order-1', seal(key, 'order-1', text))).toBe(text);
  });

  it('shows nothing, and looks different each time', () => {
    const [one, two] = [seal(key, 'order-1', 'tok_ok'), seal(key, 'order-1', 'tok_ok')];
    expect(one).not.toBe(two);
    expect(one).toMatch(/^[\w-]+$/);
    expect(Buffer.from(one, 'base64url').includes('tok_ok')).toBe(false);
  });

  it('cannot be moved to another order, and not be read with another key', () => {
    const sealed = seal(key, 'order-1', 'tok_ok');
    expect(() => unseal(key, 'order-2', sealed)).toThrow(/authenticat|initialization vector/);
    expect(() => unseal(Buffer.alloc(32, 8), 'order-1', sealed)).toThrow(/authenticat|initialization vector/);
  });

  it.each(['tok_ok', ''])('is refused if a single bit was changed, or its end is missing: %j', (text) => {
    const bytes = Buffer.from(seal(key, 'order-1', text), 'base64url');
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] as number) ^ 1;
      expect(() => unseal(key, 'order-1', changed.toString('base64url'))).toThrow(/authenticat|initialization vector/);
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(() => unseal(key, 'order-1', bytes.subarray(0, length).toString('base64url'))).toThrow(
        /authenticat|initialization vector/,
      );
    }
  });
});
