// Four levels by suffix, one Jest project each. `npm run test:unit -- stock` runs the unit tests whose path holds "stock".
//
//   x.test.ts        unit    no port, no process          x.int.test.ts    real servers
//   x.sim.test.ts    sim     seeded simulation            x.chaos.test.ts  kills, pauses and partitions

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

/** @type {import('jest').Config} */
export default {
  projects: [
    level('unit', '^(?!.*\\.(sim|int|chaos)\\.test\\.ts$).*\\.test\\.ts$'),
    level('sim', '\\.sim\\.test\\.ts$'),
    level('int', '\\.int\\.test\\.ts$'),
    level('chaos', '\\.chaos\\.test\\.ts$'),
  ],
  // Istanbul's counters, not V8's: V8 sees no branch where an `if` without `else` never fails.
  coverageProvider: 'babel',
  coverageDirectory: 'coverage',
  collectCoverageFrom: ['{actors,brokers,mixins,services}/**/*.ts', '!**/*.{test,contract,simulation}.ts'],
  coverageThreshold: { './actors/': { branches: 100 } },
};
