// `npm run asyncapi`: writes the description of the events to docs/asyncapi.json.

import { readFileSync, writeFileSync } from 'node:fs';
import { asyncApi } from '../../brokers/asyncapi.ts';
import { deadLetterTopic, wantedTopics } from '../../mixins/kafka-log/topic-setup.ts';

export const asyncApiFile = new URL('../../docs/asyncapi.json', import.meta.url);
const manifest = new URL('../../package.json', import.meta.url);

/** The document as the code has it now. */
export function currentAsyncApi(): object {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return asyncApi({ version, made: wantedTopics(), deadLetterTopic });
}

if (import.meta.main) {
  const document = currentAsyncApi();
  writeFileSync(asyncApiFile, `${JSON.stringify(document, undefined, 2)}\n`);
  const { channels, operations } = document as Readonly<Record<'channels' | 'operations', object>>;
  console.log(
    `AsyncAPI: ${Object.keys(channels).length} channels and ${Object.keys(operations).length} operations in docs/asyncapi.json.`,
  );
}
