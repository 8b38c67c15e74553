// Mails over the whole way: an order over HTTP, its payment, and what the mail server gets to see of it.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../infra/local/processes.ts';
import { startTestShop, type TestShop, until } from '../../infra/local/shop.fixture.ts';
import { type Manner, type SmtpServer, startSmtp } from '../../infra/local/smtp.fixture.ts';
import { type CapturedMail, readMails } from '../../mixins/mailer-capture.ts';

const address = () => `${randomUUID()}@people.example`;

describe('a shop without a mail server', () => {
  let shop: TestShop;
  beforeAll(async () => {
    shop = await startTestShop();
  });
  afterAll(() => shop?.stop());

  async function mailsTo(email: string): Promise<CapturedMail[]> {
    const mails: CapturedMail[] = [];
    for await (const mail of readMails(shop.dataDir)) if (mail.to === email) mails.push(mail);
    return mails;
  }

  it('keeps a mail for each order that was paid, and for each that could not be', async () => {
    const product = await shop.product('2.55', 10, { name: 'Lantern – “red”' });
    const [happy, sad] = [address(), address()];
    const paid = await shop.place([[product, 2]], { email: happy });
    const declined = await shop.place([[product, 1]], { email: sad, pay: 'tok_declined' });
    const [first] = await until('both mails are there', async () => {
      const mails = [...(await mailsTo(happy)), ...(await mailsTo(sad))];
      return mails.length === 2 && mails;
    });
    expect(first?.subject).toBe(`Your order ${paid.id} is paid`);
    expect(first?.text).toContain('2 × Lantern – “red” at 2.55');
    expect(first?.text).toContain('Total: 5.10 GBP');
    const [second] = await mailsTo(sad);
    expect(second?.subject).toBe(`Your order ${declined.id} could not be paid`);
    expect(second?.text).toContain('card-declined');
  });

  it('confirms an order that costs nothing, for which no payment is heard of', async () => {
    const product = await shop.product('0.00', 10);
    const email = address();
    const order = await shop.place([[product, 1]], { email });
    const [mail] = await until('the mail is there', async () => {
      const found = await mailsTo(email);
      return found.length > 0 && found;
    });
    expect(mail?.subject).toBe(`Your order ${order.id} is confirmed`);
  });

  it('writes to a customer at the account’s address, once', async () => {
    const product = await shop.product('1.00', 10);
    const customer = await shop.account();
    const order = await shop.place([[product, 1]], { token: customer.token });
    await shop.reaches(order.id, 'PAID');
    const mails = await until('the mail is there', async () => {
      const found = await mailsTo(customer.email);
      return found.length > 0 && found;
    });
    expect(mails).toHaveLength(1);
    expect(mails[0]?.messageId).toMatch(/^[^\s/<>@]+@souk$/);
  });
});

describe('a mail server', () => {
  let shop: TestShop;
  let smtp: SmtpServer | undefined;
  let port: number;
  const manners = new Map<string, Manner>();
  const manner = (to: string) => manners.get(to) ?? 'take';
  const start = async () => {
    smtp = await startSmtp({ port, manner });
    return smtp;
  };
  const mailsTo = (email: string) => (smtp?.mails ?? []).filter(({ to }) => to.includes(email));

  beforeAll(async () => {
    port = await freePort();
    shop = await startTestShop({ settings: { smtpUrl: `smtp://127.0.0.1:${port}` } });
  });
  afterAll(async () => {
    await shop?.stop();
    await smtp?.stop();
  });

  it('that is away delays mails and loses none; orders go on', async () => {
    const product = await shop.product('1.00', 100);
    const addresses = Array.from({ length: 12 }, address);
    for (const email of addresses) {
      const order = await shop.place([[product, 1]], { email });
      await shop.reaches(order.id, 'PAID');
    }
    const { mails } = await start();
    await until('all mails are there', () => addresses.every((email) => mailsTo(email).length > 0));
    expect(mails.map(({ messageId }) => messageId)).toHaveLength(new Set(mails.map(({ messageId }) => messageId)).size);
  });

  it('that is busy, or breaks off, gets the mail again, with the same Message-ID', async () => {
    const product = await shop.product('1.00', 10);
    const [busy, broken] = [address(), address()];
    manners.set(busy, 'busy').set(broken, 'drop');
    for (const email of [busy, broken]) await shop.place([[product, 1]], { email });
    await until('the mail is sent a second time', () => mailsTo(broken).length >= 2);
    manners.clear();
    const repeated = mailsTo(broken).length;
    await until('the mail is there', () => mailsTo(busy).length > 0 && mailsTo(broken).length > repeated);
    expect(new Set(mailsTo(broken).map(({ messageId }) => messageId)).size).toBe(1);
    expect(mailsTo(busy)).toHaveLength(1);
  });

  it('that refuses an address for good is not asked again, and gets the other mails', async () => {
    const product = await shop.product('1.00', 10);
    const [nobody, somebody] = [address(), address()];
    let asked = 0;
    manners.set(nobody, 'refuse');
    const counting = manners.get.bind(manners);
    manners.get = (to) => {
      if (to === nobody) asked += 1;
      return counting(to);
    };
    for (const email of [nobody, somebody]) await shop.place([[product, 1]], { email });
    await until('the refused mail was offered', () => asked > 0);
    await until('the other mail is there', () => mailsTo(somebody).length > 0);
    // A mail that is tried again comes back within 25 ms: a later one that went the whole way shows that it does not.
    const later = address();
    await shop.place([[product, 1]], { email: later });
    await until('a later mail is there', () => mailsTo(later).length > 0);
    expect(asked).toBe(1);
  });
});
