// What a service needs whose actions answer with streams, or take them, across nodes. The actions here are called by the
// other half (`carry.ts`), on the node that has the stream open, and are not published at the gateway.

import type { Context, Service } from 'moleculer';
import type { AnySchema, SchemaOf } from '../service-schema.ts';
import { createOpenStreams, type OpenStreams } from './open-streams.ts';
import { PIECE_TIMEOUT_MS, type Piece, type Progress } from './stream-handle.ts';

/** What a service with this mixin has besides Moleculer's own. It closes them (`closeAll`) before what they read from. */
export interface Streaming extends Service {
  openStreams: OpenStreams;
}

interface Asked {
  readonly id: string;
  readonly at: number;
}

/** The mixin. `this.openStreams` is there as soon as the service is created. */
export function streams(): Partial<AnySchema> {
  const internal = { visibility: 'public', timeout: PIECE_TIMEOUT_MS } as const;
  const schema: Partial<SchemaOf<Streaming>> = {
    created(this: Streaming) {
      this.openStreams = createOpenStreams();
    },
    actions: {
      pullPiece: {
        ...internal,
        handler(this: Streaming, { params: { id, at } }: Context<Asked>): Promise<Piece> {
          return this.openStreams.pull(id, at);
        },
      },
      pushPiece: {
        ...internal,
        handler(this: Streaming, { params }: Context<Asked & { readonly bytes?: string }>): Promise<Progress> {
          return this.openStreams.push(params.id, params.at, params.bytes);
        },
      },
      keepStream: {
        ...internal,
        handler(this: Streaming, ctx: Context<{ readonly id: string }>): void {
          this.openStreams.keep(ctx.params.id);
        },
      },
      closeStream: {
        ...internal,
        handler(this: Streaming, ctx: Context<{ readonly id: string }>): void {
          // What was begun is done without this caller.
          void this.openStreams.close(ctx.params.id);
        },
      },
    },
  };
  return schema;
}
