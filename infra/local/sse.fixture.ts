// Reads a `text/event-stream` as a browser would, for tests: its events gather in `events`.

import { request } from 'node:http';
import type { Json } from './shop.fixture.ts';

export interface ReadEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Json;
}

export interface ReadStream {
  readonly type: string;
  readonly events: readonly ReadEvent[];
  /** Whether the server has ended it. */
  readonly ended: boolean;
  close(): void;
}

/** Opens a stream. @throws Error if it is not answered with 200 */
export function openStream(url: string, headers: Readonly<Record<string, string>>): Promise<ReadStream> {
  const events: ReadEvent[] = [];
  let ended = false;
  return new Promise((resolve, reject) => {
    const call = request(url, { headers: { Accept: 'text/event-stream', ...headers }, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        call.destroy();
        reject(new Error(`the stream was answered ${response.statusCode}`));
        return;
      }
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        const blocks = (text + chunk).split('\n\n');
        text = blocks.pop() ?? '';
        events.push(...blocks.flatMap(eventOf));
      });
      response.on('error', () => {});
      response.on('close', () => {
        ended = true;
      });
      resolve({
        type: String(response.headers['content-type']),
        events,
        get ended() {
          return ended;
        },
        close: () => call.destroy(),
      });
    });
    call.on('error', reject);
    call.end();
  });
}

/** A block without data (a comment, the time to reconnect) is no event. */
function eventOf(block: string): readonly ReadEvent[] {
  const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
  const data = fields.get('data');
  if (data === undefined) return [];
  return [{ id: fields.get('id') ?? '', event: fields.get('event') ?? 'message', data: JSON.parse(data) }];
}
