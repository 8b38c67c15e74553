import { describe, expect, it } from '@jest/globals';
import { StoreUnavailable } from '../store.ts';
import { isConflict, isConnectionLost, storeError } from './errors.ts';

const reported = (code: string) => Object.assign(new Error(code), { severity: 'ERROR', code });
const ofSystem = (code: string) => Object.assign(new Error(code), { code, syscall: 'connect' });

describe('an error of PostgreSQL', () => {
  it.each([
    ['serialization', '40001'],
    ['a deadlock', '40P01'],
    ['a lock that was not to be had', '55P03'],
  ])('is a lost race if it is %s', (_what, code) => {
    expect(isConflict(reported(code))).toBe(true);
    expect(storeError(reported(code))).not.toBeInstanceOf(StoreUnavailable);
  });

  it.each([
    ['a statement that took too long', '57014', false],
    ['a transaction that was idle', '25P03', false],
    ['a server that is only a replica now', '25006', false],
    ['a full disk', '53100', false],
    ['too many connections', '53300', false],
    ['a disk that fails', '58030', false],
    ['an internal error', 'XX000', false],
    ['a shutdown', '57P01', true],
    ['a crash of another session', '57P02', true],
    ['a server that starts', '57P03', true],
    ['a lost connection', '08006', true],
  ])('means that the store is unavailable if it is %s', (_what, code, lost) => {
    expect(storeError(reported(code))).toBeInstanceOf(StoreUnavailable);
    expect(isConnectionLost(reported(code))).toBe(lost);
    expect(isConflict(reported(code))).toBe(false);
  });

  it.each([
    ['a duplicate key', '23505'],
    ['text that is none', '22021'],
    ['a missing table', '42P01'],
  ])('is itself if it is %s', (_what, code) => {
    const error = reported(code);
    expect(storeError(error)).toBe(error);
    expect(isConnectionLost(error)).toBe(false);
  });
});

describe('an error of the connection', () => {
  it.each([
    ofSystem('ECONNREFUSED'),
    ofSystem('EPIPE'),
    new Error('Connection terminated unexpectedly'),
    new Error('Query read timeout'),
  ])('means that the store is unavailable: %s', (error) => {
    expect(isConnectionLost(error)).toBe(true);
    expect(storeError(error)).toBeInstanceOf(StoreUnavailable);
    expect((storeError(error) as Error).cause).toBe(error);
  });

  it('is told once', () => {
    const error = storeError(new Error('gone'));
    expect(storeError(error)).toBe(error);
  });
});

it('keeps a bug a bug', () => {
  const bug = new TypeError('x is not a function');
  expect(storeError(bug)).toBe(bug);
});
