// The mails that left, from the file in which the shop without a mail server keeps them.

import { existsSync } from 'node:fs';
import { type CapturedMail, mailFile, readMails } from '../../../mixins/mailer-capture.ts';

const ID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/;

/** The order that a mail is about, by its Message-ID, which names the event that caused it. */
export const orderOfMail = ({ messageId }: Pick<CapturedMail, 'messageId'>): string | undefined =>
  ID.exec(messageId)?.[0];

export interface Mails {
  readonly mails: readonly CapturedMail[];
  /** Mails from before may be gone. */
  readonly mailsFrom?: number;
}

/** All that are kept, oldest first. */
export async function readAllMails(dataDir: string): Promise<Mails> {
  const mails: CapturedMail[] = [];
  for await (const mail of readMails(dataDir)) mails.push(mail);
  // Once the file was turned over, an older half may have been there before this one.
  const [oldest] = mails;
  if (oldest === undefined || !existsSync(`${mailFile(dataDir)}.1`)) return { mails };
  return { mails, mailsFrom: Date.parse(oldest.at) };
}
