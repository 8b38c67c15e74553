// Where this node's boundaries are told, once for the whole process.

import { followCrashFile } from './crashing.ts';

const { DATA_DIR = '', NODE_ID = '' } = process.env;

/** Ends the process where its file says. */
export const pass = followCrashFile(DATA_DIR, NODE_ID);
