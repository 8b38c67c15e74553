// Passwords as argon2id hashes (RFC 9106; m = 19 MiB, t = 2, p = 1, which OWASP recommends), in PHC strings. Hashing runs on
// the thread pool, a few at a time: a rush of logins fills neither the memory nor the pool that files and DNS share.

import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Problem } from '../../brokers/problem.ts';

export interface Passwords {
  /** PHC string of a new password. */
  hash(password: string): Promise<string>;
  /** Whether the password fits; takes as long for an account that is not there (`phc` undefined). */
  verify(password: string, phc: string | undefined): Promise<boolean>;
}

interface Cost {
  /** KiB */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

const COST: Cost = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
/** Hashes under way at a time: half of the thread pool. */
const HASHES_MAX = 2;
/** Callers that may wait for their turn, some seconds of work; one more is answered 503. */
export const WAITING_MAX = 256;

const derive = promisify(argon2);
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/;

function tagOf(password: string, nonce: Buffer, cost: Cost, tagLength: number): Promise<Buffer> {
  // The same characters typed on another keyboard may be other code points (NIST SP 800-63B asks for this).
  const message = Buffer.from(password.normalize('NFKC'));
  return derive('argon2id', { message, nonce, tagLength, ...cost });
}

const base64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

/** Hashes and checks passwords; never more than `HASHES_MAX` at a time in this process. */
export function createPasswords(cost: Cost = COST): Passwords {
  const turns: (() => void)[] = [];
  let underWay = 0;
  const decoy = phcOf(randomBytes(SALT_BYTES), randomBytes(TAG_BYTES), cost);

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (turns.length >= WAITING_MAX)
      throw new Problem('overloaded', 'too many logins at a time: try again in a few seconds');
    if (underWay >= HASHES_MAX) await new Promise<void>((resolve) => turns.push(resolve));
    else underWay += 1;
    try {
      return await work();
    } finally {
      const next = turns.shift();
      if (next === undefined) underWay -= 1;
      else next();
    }
  }

  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(SALT_BYTES);
        return phcOf(salt, await tagOf(password, salt, cost, TAG_BYTES), cost);
      }),
    verify: (password, phc) =>
      inTurn(async () => {
        const [, memory, passes, parallelism, salt, tag] = PHC.exec(phc ?? decoy) as RegExpExecArray;
        const expected = Buffer.from(tag as string, 'base64');
        const itsCost = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) };
        const given = await tagOf(password, Buffer.from(salt as string, 'base64'), itsCost, expected.length);
        return timingSafeEqual(given, expected) && phc !== undefined;
      }),
  };
}

function phcOf(salt: Buffer, tag: Buffer, { memory, passes, parallelism }: Cost): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}
