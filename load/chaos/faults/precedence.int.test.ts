// The clients go before the cluster while an overload lasts, and not a moment longer.
import { readFileSync } from 'node:fs';
import { expect } from '@jest/globals';
import { itWhere } from '../../../infra/toolchain/it-where.ts';
import { takePrecedence } from './precedence.ts';

const session = () => {
  try {
    return readFileSync('/proc/self/autogroup', 'utf8').trim();
  } catch {
    return '';
  }
};
const may = session() !== '' && process.getuid?.() === 0;

itWhere(may, 'this system knows no sessions, or this user may not put one before others')(
  'puts the session of this process before others, and back',
  () => {
    const before = session();
    const giveWay = takePrecedence();
    expect(session()).toBe(before.replace(/nice -?\d+/, 'nice -10'));
    giveWay();
    expect(session()).toBe(before);
  },
);
