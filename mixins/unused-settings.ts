// Hints on settings that are set and that the program has no use for: it brings its own, and nobody would know.

import { type Program, type Variable, type VariableName, variables } from './settings-table.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Starter = Extract<Program, 'start' | 'cluster'>;

/** What the program does instead. */
const instead: Readonly<Record<Starter, { readonly [N in VariableName]?: string }>> = {
  start: {
    NODE_ID: 'is one node, and names it itself',
    SERVICES: 'runs all services',
    KEYS_DIR: 'keeps its keys in DATA_DIR/keys',
    NATS_URL: 'is one process, which calls in memory',
    KAFKA_BOOTSTRAP_SERVERS: 'keeps its events in PostgreSQL',
    DB_HOST: 'starts its own PostgreSQL',
    DB_URL: 'starts its own PostgreSQL',
    DYNAMODB_ENDPOINT: 'brings its own DynamoDB API',
    PAYMENT_PROVIDER_URL: 'starts its own payment provider',
  },
  cluster: {
    NODE_ID: 'names its nodes itself',
    SERVICES: 'runs all services; --nodes says how many nodes each has',
    KEYS_DIR: 'keeps its keys in DATA_DIR/keys',
    NATS_URL: 'starts its own NATS',
    KAFKA_BOOTSTRAP_SERVERS: 'starts its own Kafka',
    DB_URL: 'is told of another PostgreSQL by DB_HOST and the others',
    DYNAMODB_ENDPOINT: 'starts its own DynamoDB Local',
    PAYMENT_PROVIDER_URL: 'starts its own payment provider',
  },
};
const commands: Readonly<Record<Starter, string>> = { start: 'npm start', cluster: 'npm run cluster' };
/** They say nothing without DB_HOST. */
const ofDatabase: readonly string[] = ['DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'] satisfies VariableName[];
/** What only these read may well be set in the same terminal, for them. */
const elsewhere: readonly Program[] = ['tests', 'compose', 'clients'];

/**
 * Hints on settings that are set and that the program does not use, a sentence each; values are not shown. The keys of the
 * AWS library are left out: whoever works with AWS has them set for other programs.
 * @returns empty if there is nothing to say
 */
export function unusedSettings(environment: Environment, program: Starter): readonly string[] {
  const isSet = (name: string) => (environment[name] ?? '') !== '';
  const isUsed = (name: string, { usedBy }: Variable<unknown>) =>
    usedBy.includes(program) && !(ofDatabase.includes(name) && !isSet('DB_HOST'));
  return Object.entries<Variable<unknown>>(variables)
    .filter(([name, variable]) => isSet(name) && !name.startsWith('AWS_') && !isUsed(name, variable))
    .filter(([, { usedBy }]) => !usedBy.every((reader) => elsewhere.includes(reader)))
    .map(([name]) => `${name} is set, but ${commands[program]} ${does(name, program)}.`);
}

function does(name: string, program: Starter): string {
  if (ofDatabase.includes(name)) return 'starts its own PostgreSQL' + (program === 'start' ? '' : ' without DB_HOST');
  return instead[program][name as VariableName] ?? 'has no use for it';
}
