// What the servers written in Java need: a Java, and their jars, fetched once by Maven from the coordinates in a pom file.
//
//   pom.xml ──mvn dependency:copy-dependencies──► .cache/servers/<name>-<version>-<hash of the pom>/jars/
//
// Maven keeps what it has downloaded, so a fetch that was cut short goes on where it was.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartRefused } from '../data-dir.ts';
import { cached, ensureCached } from './cache.ts';
import { onPath, type Progress, run } from './run.ts';

/** The oldest Java that Kafka 4 and DynamoDB Local 3 run on. */
export const JAVA_MIN = 17;

/** A server of which a pom file says what it consists of. */
export interface JavaServer {
  /** For messages and, in small letters, for the cache: "Kafka". */
  readonly name: string;
  readonly version: string;
  /** Absolute path of the pom file. */
  readonly pom: string;
  /** Its place in the cache. */
  readonly home: string;
}

/** Reads which version a pom file pins. Opens nothing else. */
export function javaServer(name: string, pom: string): JavaServer {
  const text = readFileSync(pom, 'utf8');
  const version = /<server\.version>([^<]+)<\/server\.version>/.exec(text)?.[1];
  if (version === undefined) throw new Error(`${pom} names no <server.version>.`);
  const content = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const folder = `${name.toLowerCase().replaceAll(' ', '-')}-${version}-${content}`;
  return { name, version, pom, home: cached(folder) };
}

/** The folder of a server's jars, there or not. */
export const jarsOf = ({ home }: JavaServer): string => join(home, 'jars');

/** Why the server cannot be started here, in a sentence; undefined if it can. */
export function missingJava(server: JavaServer): string | undefined {
  if (findJava() === undefined) return noJava(server.name);
  if (existsSync(jarsOf(server))) return undefined;
  return `The jars of ${server.name} ${server.version} are not fetched yet: run "node infra/local/servers/fetch.ts".`;
}

/**
 * The path of a Java that is new enough.
 * @throws StartRefused with what to install
 */
export async function demandJava(server: string): Promise<string> {
  const java = findJava();
  if (java === undefined) throw new StartRefused(noJava(server));
  const version = await versionOf(java);
  if (majorOf(version) >= JAVA_MIN) return java;
  throw new StartRefused(
    `${server} needs Java ${JAVA_MIN} or newer, and ${java} is Java ${version || 'of no known version'}. ${installJava()}`,
  );
}

/** The version that a Java calls itself, such as "17.0.15"; empty if it does not say. */
export async function versionOf(java: string): Promise<string> {
  return /version "([^"]+)"/.exec(await run(java, ['-version']))?.[1] ?? '';
}

/** 17 of "17.0.15", 8 of "1.8.0_402"; 0 of anything else. */
export function majorOf(version: string): number {
  const [, old, major] = /^(1\.)?(\d+)/.exec(version) ?? [];
  return major === undefined || (old !== undefined && Number(major) > 8) ? 0 : Number(major);
}

/**
 * Sees to it that the jars are there.
 * @param progress takes what is being done, in a few words
 * @throws StartRefused with what to install, or why Maven failed
 */
export async function ensureJars(server: JavaServer, progress: Progress = () => {}): Promise<void> {
  await demandJava(server.name);
  if (existsSync(jarsOf(server))) return;
  const maven = onPath('mvn');
  if (maven === undefined) {
    throw new StartRefused(
      `${server.name} ${server.version} is fetched by Maven, and there is no mvn on the PATH. ` +
        'Install it (Debian: apt-get install maven, macOS: brew install maven), then start again.',
    );
  }
  const step = `fetching ${server.name} ${server.version}`;
  progress(step);
  let count = 0;
  const onLine = (line: string) => {
    if (/Downloaded from/.test(line)) progress(step, `${++count} files so far`);
  };
  try {
    await ensureCached(jarsOf(server), async (draft) => {
      await run(maven, ['-B', '-f', server.pom, 'dependency:copy-dependencies', `-DoutputDirectory=${draft}`], {
        env: { ...process.env, MAVEN_OPTS: `${process.env['MAVEN_OPTS'] ?? ''} -Xmx256m`.trim() },
        onLine,
      });
    });
  } catch (error) {
    throw new StartRefused(`${server.name} ${server.version} could not be fetched: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function findJava(): string | undefined {
  const home = process.env['JAVA_HOME'];
  const own = home === undefined || home === '' ? undefined : join(home, 'bin', 'java');
  return own !== undefined && existsSync(own) ? own : onPath('java');
}

const noJava = (server: string): string =>
  `${server} needs Java ${JAVA_MIN} or newer, and there is no java on the PATH and none at JAVA_HOME. ${installJava()}`;

const installJava = (): string =>
  `Install one (Debian: apt-get install openjdk-${JAVA_MIN}-jre-headless, macOS: brew install openjdk@${JAVA_MIN}), then start again.`;
