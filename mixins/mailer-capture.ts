// The mailer of a shop without a mail server: mails are appended to a file that people and tests can read back.
//
//   send ─► gathered ─► one append and fsync for all that waited ─► taken        DATA_DIR/mails.jsonl, one mail a line
//
// The file is turned over at a fixed size, so that it never grows without end: `mails.jsonl.1` is the older half.

import { createReadStream, existsSync } from 'node:fs';
import { type FileHandle, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Mail, Mailer } from './mailer.ts';

/** Size at which the file is turned over, in bytes. */
const FILE_MAX = 32 * 1024 * 1024;

export interface CapturedMail extends Mail {
  /** ISO 8601. */
  readonly at: string;
}

/** Where the mails of a data folder lie. */
export function mailFile(dataDir: string): string {
  return join(dataDir, 'mails.jsonl');
}

/** A mailer that keeps mails in the data folder instead of sending them. */
export function captureMailer(dataDir: string, fileMax = FILE_MAX): Mailer {
  const path = mailFile(dataDir);
  let waiting: { readonly line: string; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] =
    [];
  let writing: Promise<void> | undefined;
  let file: FileHandle | undefined;

  async function write(): Promise<void> {
    // One turn of the event loop, so that everything that came together shares one fsync.
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        // A kill may have cut the last line short: what follows starts on a line of its own.
        if (file === undefined) await (file = await open(path, 'a', 0o600)).appendFile('\n');
        await file.appendFile(batch.map(({ line }) => line).join(''));
        await file.datasync();
        for (const { resolve } of batch) resolve();
        await turnOver();
      } catch (error) {
        // Part of the batch may be in the file: what follows starts on a line of its own, as after a kill.
        await file?.close().catch(() => {});
        file = undefined;
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn as the last look: a mail that comes now starts a new round.
    writing = undefined;
  }

  async function turnOver(): Promise<void> {
    if ((await stat(path)).size < fileMax) return;
    await file?.close();
    file = undefined;
    await rename(path, `${path}.1`);
  }

  return {
    send(mail) {
      return new Promise((resolve, reject) => {
        waiting.push({ line: `${JSON.stringify({ at: new Date().toISOString(), ...mail })}\n`, resolve, reject });
        writing ??= write();
      });
    },
    async close() {
      await writing;
      await file?.close();
      file = undefined;
    },
  };
}

/** The captured mails, oldest first; a repeat of a mail (same Message-ID) is shown once. */
export async function* readMails(dataDir: string): AsyncGenerator<CapturedMail> {
  const seen = new Set<string>();
  for (const path of [`${mailFile(dataDir)}.1`, mailFile(dataDir)]) {
    if (!existsSync(path)) continue;
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const mail = parse(line);
      if (mail === undefined || seen.has(mail.messageId)) continue;
      seen.add(mail.messageId);
      yield mail;
    }
  }
}

/** A line that a kill cut short is no mail; its sender got no answer and sends it again. */
function parse(line: string): CapturedMail | undefined {
  try {
    return JSON.parse(line) as CapturedMail;
  } catch {
    return undefined;
  }
}
