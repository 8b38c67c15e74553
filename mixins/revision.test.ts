import { expect, it } from '@jest/globals';
import { revisionSeen } from './revision.ts';

it.each([
  ['7', 7],
  ['"7"', 7],
  ['"7.1000"', 7],
  ['W/"7"', 0],
  ['7x', 0],
  ['', 0],
])('reads the revision in the tag %j', (tag, revision) => {
  expect(revisionSeen(tag)).toEqual({ revision });
});

it('lets any revision pass when the caller names none', () => {
  expect(revisionSeen(undefined)).toBeUndefined();
  expect(revisionSeen('*')).toBeUndefined();
});
