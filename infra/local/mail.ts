// `npm run mail`: shows the mails that the embedded shop captured, newest last. `-- --last N` (default 10), `-- --to ADDRESS`.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type CapturedMail, readMails } from '../../mixins/mailer-capture.ts';
import { BadSetting, readSettings } from '../../mixins/settings.ts';

const { values } = parseArgs({ options: { last: { type: 'string', default: '10' }, to: { type: 'string' } } });
const last = Number(values.last);
if (!Number.isInteger(last) || last < 1) {
  console.error(`--last is "${values.last}", but must be a whole number above 0`);
  process.exit(1);
}

let dataDir: string;
try {
  dataDir = resolve(readSettings(process.env).dataDir);
} catch (error) {
  if (!(error instanceof BadSetting)) throw error;
  console.error(`Mail: ${error.message}`);
  process.exit(1);
}

const kept: CapturedMail[] = [];
let count = 0;
for await (const mail of readMails(dataDir)) {
  if (values.to !== undefined && mail.to !== values.to) continue;
  count += 1;
  kept.push(mail);
  if (kept.length > last) kept.shift();
}
for (const { at, messageId, to, subject, text } of kept) {
  console.log(`${at}  <${messageId}>\nTo: ${to}\nSubject: ${subject}\n\n${text}\n────`);
}
console.log(`${kept.length} of ${count} mails shown${values.to === undefined ? '' : ` to ${values.to}`}.`);
