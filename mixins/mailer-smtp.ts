// Mail over SMTP (RFC 5321) with nodemailer: a pool of connections, each message acknowledged by the server.

import { createTransport } from 'nodemailer';
import { type Mailer, MailRefused } from './mailer.ts';

const FROM = 'Souk <orders@souk.example>';
const CONNECTIONS_MAX = 4;
/** Time-outs towards the mail server, in milliseconds; a slow one is tried again later. */
const TIMEOUT_MS = { connect: 5_000, socket: 15_000 };

/** A mailer for `smtp://[user:password@]host:port` (or `smtps://`). Connects with the first mail. */
export function smtpMailer(url: string, from = FROM): Mailer {
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: CONNECTIONS_MAX,
    connectionTimeout: TIMEOUT_MS.connect,
    greetingTimeout: TIMEOUT_MS.connect,
    socketTimeout: TIMEOUT_MS.socket,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send({ messageId, to, subject, text }) {
      try {
        await transport.sendMail({ from, to, subject, text, messageId: `<${messageId}>` });
      } catch (error) {
        if (isFinal(error as SmtpError)) throw new MailRefused((error as Error).message, { cause: error });
        throw error;
      }
    },
    async close() {
      transport.close();
    },
  };
}

interface SmtpError {
  /** The SMTP command that failed; `API`: none was sent. */
  readonly command?: string;
  readonly code?: string;
  readonly responseCode?: number;
}

/** Whether it is this mail that the server does not want. Everything else (no login, no sender, no time) passes. */
function isFinal({ command, code, responseCode = 0 }: SmtpError): boolean {
  if (command === 'API') return code === 'EENVELOPE';
  return (command === 'RCPT TO' || command === 'DATA') && responseCode >= 500;
}
