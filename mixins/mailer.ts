// The port to the mail server. At least once: the same `messageId` may be sent again and is the same mail.

export interface Mail {
  /** Message-ID header without angle brackets; equal for every repeat of the mail. */
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

export interface Mailer {
  /** Resolves when the mail server (or the capture) has taken the mail durably; rejects when it is away. */
  send(mail: Mail): Promise<void>;
  close(): Promise<void>;
}

/** The mail server will never take this mail: nobody lives at the address, for instance. Repeating it is no use. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';
}
