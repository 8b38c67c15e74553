import { describe, expect, it } from '@jest/globals';
import { createPasswords, WAITING_MAX } from './passwords.ts';

const passwords = createPasswords();
/** A cost that lets a test hash by the hundred. */
const cheap = { memory: 8, passes: 1, parallelism: 1 };

describe('a password', () => {
  it('is kept as an argon2id hash of 19 MiB and two passes, each with a salt of its own', async () => {
    const [one, other] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(other).not.toBe(one);
  });

  it('fits its hash, and no other password does', async () => {
    const hash = await passwords.hash('correct horse');
    await expect(passwords.verify('correct horse', hash)).resolves.toBe(true);
    await expect(passwords.verify('correct horsf', hash)).resolves.toBe(false);
  });

  it('is the same on every keyboard: composed and decomposed characters are equal', async () => {
    const hash = await passwords.hash('caf\u00e9 noir');
    await expect(passwords.verify('cafe\u0301 noir', hash)).resolves.toBe(true);
  });

  it('is checked with the cost that it was hashed with', async () => {
    const hash = await createPasswords(cheap).hash('correct horse');
    await expect(passwords.verify('correct horse', hash)).resolves.toBe(true);
  });

  it('never fits an account that is not there, and finding out takes as long', async () => {
    const hash = await passwords.hash('correct horse');
    const time = async (phc: string | undefined) => {
      const startedAt = performance.now();
      await expect(passwords.verify('wrong horse', phc)).resolves.toBe(false);
      return performance.now() - startedAt;
    };
    const known: number[] = [];
    const unknown: number[] = [];
    for (let i = 0; i < 7; i++) {
      known.push(await time(hash));
      unknown.push(await time(undefined));
    }
    // The quickest of some runs: what the machine does beside them disturbs these least.
    const ratio = Math.min(...unknown) / Math.min(...known);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  });
});

describe('a rush of logins', () => {
  it('is served in turn, and what is too much is told so at once', async () => {
    const rushed = createPasswords(cheap);
    const all = await Promise.allSettled(Array.from({ length: WAITING_MAX + 10 }, () => rushed.verify('x', undefined)));
    const refused = all.filter((one) => one.status === 'rejected');
    expect(refused).toHaveLength(8);
    expect(refused[0]?.reason).toMatchObject({ type: 'overloaded', code: 503 });
    await expect(rushed.verify('x', undefined)).resolves.toBe(false);
  });
});
