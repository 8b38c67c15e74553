// What may wait waits, and what goes first does so for as long as it says.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, it } from '@jest/globals';
import { itWhere } from '../toolchain/it-where.ts';
import { goFirst, letWait, MAY_WAIT } from './niceness.ts';

const session = (pid: number | 'self') => {
  try {
    return readFileSync(`/proc/${pid}/autogroup`, 'utf8').trim();
  } catch {
    return '';
  }
};
const isNice = (pid: number | 'self') => Number(/nice (-?\d+)/.exec(session(pid))?.[1]);

it('lets a process wait, its session too where there are sessions', () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)'], { detached: true, stdio: 'ignore' });
  try {
    letWait(child);
    expect(getPriority(child.pid)).toBe(MAY_WAIT);
    if (session('self') !== '') expect(isNice(child.pid as number)).toBe(MAY_WAIT);
  } finally {
    child.kill('SIGKILL');
  }
});

it('does nothing to a process that could not be started', () => expect(() => letWait({})).not.toThrow());

const may = session('self') !== '' && process.getuid?.() === 0;

itWhere(may, 'this system knows no sessions, or this user may not put one before others')(
  'puts the session of this process before others, and back',
  () => {
    const before = isNice('self');
    const giveWay = goFirst(-10);
    expect(isNice('self')).toBe(-10);
    giveWay();
    expect(isNice('self')).toBe(before);
  },
);
