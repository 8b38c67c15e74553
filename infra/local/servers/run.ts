// Tools that are found on the PATH and run to their end, such as Maven or Go: their lines as they come, their last words if they fail.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

const LAST_WORDS_LINES = 12;

/** Takes what is being done in a few words, and how far it is where that is known: "52 files so far". */
export type Progress = (step: string, detail?: string) => void;

export type RunOptions = {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Takes each line of output and of errors. */
  readonly onLine?: (line: string) => void;
  readonly timeoutMs?: number;
};

/**
 * Runs a program to its end.
 * @returns all it wrote, output and errors
 * @throws Error with its last lines when it cannot be run, fails, or takes too long
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { env, cwd, onLine = () => {}, timeoutMs } = options;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd, timeout: timeoutMs });
  const end = () => child.kill();
  process.once('exit', end); // it is of no use to anybody else
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `status ${code}`)));
  });
  process.off('exit', end);
  if (failure === undefined) return lines.join('\n');
  throw new Error(`${command} failed (${failure}):\n${lines.slice(-LAST_WORDS_LINES).join('\n')}`);
}

/** The first program of this name on the PATH. */
export function onPath(program: string, path: string = process.env['PATH'] ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file));
}
