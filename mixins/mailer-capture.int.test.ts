import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { captureMailer, mailFile, readMails } from './mailer-capture.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'souk-mails-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const mail = (n: number) => ({
  messageId: `mail.${n}@souk`,
  to: 'ada@people.example',
  subject: `Order ${n}`,
  text: `Line\n${n} × "bag"`,
});
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

async function read(): Promise<object[]> {
  const mails: object[] = [];
  for await (const { at, ...rest } of readMails(folder)) {
    expect(new Date(at).toISOString()).toBe(at);
    mails.push(rest);
  }
  return mails;
}

describe('captured mails', () => {
  it('are there when they are taken, in order, each once however often it was sent', async () => {
    expect(await read()).toEqual([]);
    const mailer = captureMailer(folder);
    await Promise.all(numbers(0, 50).map((n) => mailer.send(mail(n))));
    await mailer.send(mail(7));
    expect(await read()).toEqual(numbers(0, 50).map(mail));
    await mailer.close();
    expect(await read()).toHaveLength(50);
  });

  it('survive a kill in the middle of a line: what was cut off is no mail, what follows is', async () => {
    const before = captureMailer(folder);
    await before.send(mail(1));
    await before.close();
    appendFileSync(mailFile(folder), '{"at":"2026-01-01T00:00:00.000Z","messageId":"mail.2@so');
    const after = captureMailer(folder);
    await after.send(mail(2));
    await after.send(mail(3));
    await after.close();
    expect(await read()).toEqual([mail(1), mail(2), mail(3)]);
  });

  it('are turned over when the file is full, and read from both halves', async () => {
    const mailer = captureMailer(folder, 2_000);
    for (const n of numbers(0, 15)) await mailer.send(mail(n));
    await mailer.close();
    expect(existsSync(`${mailFile(folder)}.1`)).toBe(true);
    const mails = await read();
    expect(mails.at(-1)).toEqual(mail(14));
    expect(mails).toEqual(numbers(15 - mails.length, 15).map(mail));
    expect(readFileSync(`${mailFile(folder)}.1`).length).toBeLessThan(3_000);
  });

  it('are refused while the disk is full, and taken when there is room again', async () => {
    symlinkSync('/dev/full', mailFile(folder));
    const mailer = captureMailer(folder);
    await expect(mailer.send(mail(1))).rejects.toThrow(/ENOSPC/);
    await expect(mailer.send(mail(2))).rejects.toThrow(/ENOSPC/);
    unlinkSync(mailFile(folder));
    await mailer.send(mail(1));
    await mailer.close();
    expect(await read()).toEqual([mail(1)]);
  });
});
