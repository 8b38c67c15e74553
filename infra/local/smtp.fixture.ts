// A real SMTP server for tests: keeps the mails that it took, and misbehaves when told to.

import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

export interface TakenMail {
  readonly messageId: string;
  readonly to: readonly string[];
  readonly subject: string;
  /** Headers and body as they came. */
  readonly source: string;
}

/** `busy` and `refuse`: 451 and 550 to the recipient; `drop`: takes the mail, and the connection breaks before it says so. */
export type Manner = 'take' | 'busy' | 'refuse' | 'drop';

export type SmtpServer = Awaited<ReturnType<typeof startSmtp>>;

/** Starts it; `manner` tells how it treats a mail to an address. */
export async function startSmtp(options: { port?: number; manner?: (to: string) => Manner } = {}) {
  const { port = 0, manner = () => 'take' } = options;
  const mails: TakenMail[] = [];
  const sockets = new Set<Socket>();
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onRcptTo({ address }, _, answer) {
      const how = manner(address);
      if (how === 'busy') answer(refusal(451, 'try again later'));
      else if (how === 'refuse') answer(refusal(550, 'no such mailbox'));
      else answer();
    },
    onData(stream, { envelope }, answer) {
      void text(stream).then((source) => {
        const to = envelope.rcptTo.map(({ address }) => address);
        const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'im').exec(source)?.[1]?.trim() ?? '';
        mails.push({ messageId: header('Message-ID'), to, subject: header('Subject'), source });
        if (to.some((address) => manner(address) === 'drop')) for (const socket of sockets) socket.destroy();
        else answer();
      });
    },
  });
  // Connections that break belong to the test.
  smtp.on('error', () => {});
  smtp.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  smtp.listen(port, '127.0.0.1');
  await once(smtp.server, 'listening');
  const listening = (smtp.server.address() as AddressInfo).port;
  return {
    port: listening,
    url: `smtp://127.0.0.1:${listening}`,
    mails,
    async stop() {
      const closed = new Promise<void>((resolve) => smtp.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}
