// Five levels by suffix, one Jest project each. `npm run test:unit -- stock` runs the unit tests whose path holds "stock".
//
//   x.test.ts        unit    no port, no process          x.int.test.ts    real servers
//   x.sim.test.ts    sim     seeded simulation            x.chaos.test.ts  kills, pauses and partitions
//                                                         x.long.test.ts   real servers, more than minutes allow

/** @type {(name: string, testRegex: string) => import('jest').Config} */
const level = (displayName, testRegex) => ({
  displayName,
  testRegex,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: { '\\.ts$': '<rootDir>/infra/toolchain/strip-types.js' },
  modulePathIgnorePatterns: ['/\\.data/', '/\\.cache/'],
  coveragePathIgnorePatterns: ['/node_modules/', '\\.(test|contract|simulation)\\.ts$'],
});

/** One PostgreSQL for a whole run; each test file has schemas of its own in it. */
const server = {
  globalSetup: '<rootDir>/infra/local/jest-postgres.ts',
  globalTeardown: '<rootDir>/infra/local/jest-postgres-stop.ts',
};

/** @type {import('jest').Config} */
export default {
  projects: [
    level('unit', '^(?!.*\\.(sim|int|chaos|long)\\.test\\.ts$).*\\.test\\.ts$'),
    level('sim', '\\.sim\\.test\\.ts$'),
    { ...level('int', '\\.int\\.test\\.ts$'), ...server },
    { ...level('chaos', '\\.chaos\\.test\\.ts$'), ...server },
    { ...level('long', '\\.long\\.test\\.ts$'), ...server },
  ],
  // Istanbul's counters, not V8's: V8 sees no branch where an `if` without `else` never fails.
  coverageProvider: 'babel',
  coverageDirectory: 'coverage',
  collectCoverageFrom: ['{actors,brokers,mixins,services}/**/*.ts', '!**/*.{test,contract,simulation}.ts'],
  coverageThreshold: { './actors/': { branches: 100 } },
};
