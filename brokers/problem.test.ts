import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Errors } from 'moleculer';
import { isProblem, orThrow, Problem, statusOfSlug } from './problem.ts';

const root = new URL('..', import.meta.url);

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(new URL(folder, root), { withFileTypes: true })) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) yield* sources(`${path}/`);
    else if (/(?<!\.test|\.contract|\.simulation)\.ts$/.test(path)) yield path;
  }
}

describe('the slugs of problems', () => {
  it('have a status each, wherever they are thrown or refused', () => {
    const unlisted = ['actors/', 'brokers/', 'mixins/', 'services/'].flatMap((folder) =>
      [...sources(folder)].flatMap((path) => {
        const used = readFileSync(new URL(path, root), 'utf8').matchAll(/(?:new Problem|\brefuse)\(\s*'([\w-]+)'/g);
        return [...used]
          .filter(([, slug = '']) => !Object.hasOwn(statusOfSlug, slug))
          .map(([, slug]) => `${path}: ${slug}`);
      }),
    );
    expect(unlisted).toEqual([]);
  });

  it('are words, with a status of refusal', () => {
    for (const [slug, status] of Object.entries(statusOfSlug)) {
      expect(slug).toMatch(/^[a-z]+[a-z0-9]*(-[a-z0-9]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('a problem', () => {
  it('is known by name, here and after a journey', () => {
    expect(isProblem(new Problem('not-found', 'there is no order'))).toBe(true);
    const regenerator = new Errors.Regenerator();
    const plain = {
      name: 'Problem',
      message: 'there is no order',
      code: 404,
      type: 'not-found',
      retryable: false,
      data: {},
    };
    expect(isProblem(regenerator.restore(plain as never, { sender: 'node-2' }))).toBe(true);
    expect(isProblem(new Problem('made-up', ''))).toBe(false);
    expect(isProblem(new Error('not-found'))).toBe(false);
    expect(isProblem(undefined)).toBe(false);
  });

  it('may be tried again only if nothing was done', () => {
    expect(new Problem('overloaded', '').retryable).toBe(true);
    expect(new Problem('unavailable', '').retryable).toBe(true);
    expect(new Problem('insufficient-stock', '').retryable).toBe(false);
  });

  it('is what a refusal becomes', () => {
    const refused = { refused: 'wrong-state', detail: 'the order is shipped', errors: [{ code: 'x', detail: 'y' }] };
    expect(() => orThrow({ refused })).toThrow(
      expect.objectContaining({ type: 'wrong-state', code: 409, data: { errors: refused.errors } }),
    );
    expect(orThrow({ refused: undefined, version: 1 })).toEqual({ refused: undefined, version: 1 });
  });
});
