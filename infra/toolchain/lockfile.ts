// What package-lock.json must look like, as pure functions: complete for every platform, without registry addresses and engines.
//
// A registry that serves only this machine's binary packages makes npm leave those of other platforms out of the lock,
// and then `npm ci` fails everywhere with "Missing: x from lock file". Their version is known all the same: packages
// name their platform packages exactly. Without an integrity npm records nothing to compare with, but it installs.
//
// Engines are left out because npm would check them against the system's Node, which here only runs npm: everything
// else runs on the Node that is locked with the dependencies. With them an older system warns nine times over nothing.

export type LockEntry = {
  version?: string;
  resolved?: string;
  cpu?: string[];
  dev?: boolean;
  devOptional?: boolean;
  libc?: string[];
  optional?: boolean;
  os?: string[];
  engines?: unknown;
  optionalDependencies?: Record<string, string>;
};
export type Lockfile = { packages: Record<string, LockEntry> };
type Missing = { readonly name: string; readonly range: string; readonly parent: string };

const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

const systems: Record<string, string> = {
  aix: 'aix',
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  openharmony: 'openharmony',
  sunos: 'sunos',
  win32: 'win32',
  windows: 'win32',
};
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];
const libraries: Record<string, string> = {
  glibc: 'glibc',
  gnu: 'glibc',
  gnueabihf: 'glibc',
  musl: 'musl',
  musleabihf: 'musl',
};

/** The platform that a package is for, read from its name: `@oxlint/binding-linux-arm64-musl` is linux, arm64, musl. */
export function platformOf(name: string): Pick<LockEntry, 'cpu' | 'libc' | 'os'> {
  const words = name.split(/[/-]/);
  const find = <T>(look: (word: string) => T | undefined): T | undefined =>
    words.map(look).find((it) => it !== undefined);
  const os = find((word) => systems[word]);
  const cpu = find((word) => processors.find((processor) => processor === word));
  const libc = find((word) => libraries[word]);
  if (os === undefined || cpu === undefined)
    throw new Error(`${name}: no platform in its name, so nothing to lock it by`);
  return { cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }), os: [os] };
}

/** Optional dependencies that no entry of the lock satisfies, looked up as Node does: beside the parent, then outwards. */
export function missing(lock: Lockfile): Missing[] {
  const found = (parent: string, name: string): boolean => {
    for (let folder = parent; ; folder = folder.slice(0, Math.max(folder.lastIndexOf('node_modules/') - 1, 0))) {
      if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in lock.packages) return true;
      if (folder === '') return false;
    }
  };
  return Object.entries(lock.packages).flatMap(([parent, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(([name]) => !found(parent, name))
      .map(([name, range]) => ({ name, range, parent })),
  );
}

/** Entries that say which Node they want. */
export const withEngines = (lock: Lockfile): string[] =>
  Object.entries(lock.packages)
    .filter(([, entry]) => entry.engines !== undefined)
    .map(([path]) => path);

/** Entries that say where they were fetched from: a reader of the lock may use another registry. */
export const addressed = (lock: Lockfile): string[] =>
  Object.entries(lock.packages)
    .filter(([, entry]) => /^https?:/.test(entry.resolved ?? ''))
    .map(([path]) => path);

/** The same lock without addresses and engines, and with the platform packages that npm left out, in npm's order. */
export function repaired<L extends Lockfile>(lock: L): L {
  const packages: Lockfile['packages'] = {};
  for (const [path, { resolved, engines: _, ...entry }] of Object.entries(lock.packages)) {
    packages[path] = resolved === undefined || /^https?:/.test(resolved) ? entry : { ...entry, resolved };
  }
  for (const { name, range, parent } of missing(lock)) {
    if (!EXACT.test(range))
      throw new Error(`${parent} wants ${name} ${range}: not one exact version, so it cannot be locked`);
    const taken = packages[`node_modules/${name}`];
    const path =
      taken === undefined || taken.version === range ? `node_modules/${name}` : `${parent}/node_modules/${name}`;
    const { dev, devOptional } = lock.packages[parent] ?? {};
    packages[path] = {
      version: range,
      ...platformOf(name),
      ...(dev === undefined ? {} : { dev }),
      ...(devOptional === undefined ? {} : { devOptional }),
      optional: true,
    };
  }
  const ordered = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  return { ...lock, packages: Object.fromEntries(ordered) };
}
