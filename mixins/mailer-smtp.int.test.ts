import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../infra/local/processes.ts';
import { type Manner, type SmtpServer, startSmtp } from '../infra/local/smtp.fixture.ts';
import { type Mailer, MailRefused } from './mailer.ts';
import { smtpMailer } from './mailer-smtp.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function server(manner?: (to: string) => Manner, port?: number): Promise<SmtpServer> {
  const smtp = await startSmtp({
    ...(manner === undefined ? {} : { manner }),
    ...(port === undefined ? {} : { port }),
  });
  closing.push(() => smtp.stop());
  return smtp;
}

function mailer(url: string): Mailer {
  const made = smtpMailer(url);
  closing.push(() => made.close());
  return made;
}

const mail = (n: number) => ({
  messageId: `mail.${n}@souk`,
  to: `ada-${n}@people.example`,
  subject: `Order ${n}`,
  text: `Grüße\n${n} ×`,
});

describe('the SMTP mailer', () => {
  it('hands a mail over with its Message-ID', async () => {
    const smtp = await server();
    await mailer(smtp.url).send(mail(1));
    expect(smtp.mails).toMatchObject([
      { messageId: '<mail.1@souk>', to: ['ada-1@people.example'], subject: 'Order 1' },
    ]);
  });

  it('hands over many at once', async () => {
    const smtp = await server();
    const { send } = mailer(smtp.url);
    await Promise.all(Array.from({ length: 30 }, (_, i) => send(mail(i))));
    expect(new Set(smtp.mails.map(({ messageId }) => messageId)).size).toBe(30);
    expect(smtp.mails).toHaveLength(30);
  });

  it('rejects while there is no server, and goes on when there is one', async () => {
    const port = await freePort();
    const { send } = mailer(`smtp://127.0.0.1:${port}`);
    await expect(send(mail(1))).rejects.toThrow(/ECONNREFUSED/);
    const smtp = await server(undefined, port);
    await send(mail(1));
    expect(smtp.mails).toHaveLength(1);
  });

  it('rejects a mail that the server has no time for, and one whose answer was lost; a repeat is the same mail', async () => {
    const manners: Manner[] = ['busy', 'drop', 'take'];
    let now: Manner = 'busy';
    const smtp = await server(() => now);
    const { send } = mailer(smtp.url);
    for (const manner of manners) {
      now = manner;
      if (manner === 'take') await send(mail(1));
      else await expect(send(mail(1))).rejects.not.toBeInstanceOf(MailRefused);
    }
    expect(smtp.mails.map(({ messageId }) => messageId)).toEqual(['<mail.1@souk>', '<mail.1@souk>']);
  });

  it('says when a mail will never be taken; others are', async () => {
    const smtp = await server((to) => (to === 'ada-1@people.example' ? 'refuse' : 'take'));
    const { send } = mailer(smtp.url);
    const [refused] = await Promise.allSettled([send(mail(1)), send(mail(2))]);
    expect(refused).toMatchObject({ status: 'rejected', reason: expect.any(MailRefused) });
    expect(smtp.mails).toMatchObject([{ messageId: '<mail.2@souk>' }]);
  });

  it('lets no text become a header or another recipient', async () => {
    const smtp = await server();
    await mailer(smtp.url).send({ ...mail(1), subject: 'Order\r\nBcc: eve@people.example\r\n\r\nHello' });
    const [taken] = smtp.mails;
    expect(taken?.to).toEqual(['ada-1@people.example']);
    expect(taken?.source).not.toMatch(/^Bcc:/m);
  });
});
