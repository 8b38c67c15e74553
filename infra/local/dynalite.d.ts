// dynalite comes without types; these are the options the embedded mode uses.

declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** Serves the DynamoDB API from a LevelDB folder. Nothing is opened on the network before `listen`. */
  export default function dynalite(options: {
    readonly path: string;
    readonly createTableMs: number;
    readonly updateTableMs: number;
    readonly deleteTableMs: number;
  }): Server;
}
