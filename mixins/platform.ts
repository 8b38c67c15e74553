// What a node gives its services: settings, keys, databases, the log, outside connections. Services receive it as a
// parameter and open what they need in `started()`; importing a service opens nothing.

import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { EventLog } from '../brokers/event-log.ts';
import type { Database, DatabaseOptions, Migrations } from './postgres/database.ts';
import type { Context } from './postgres/roles.ts';
import type { Mailer } from './mailer.ts';
import type { Reader } from './postgres/reader.ts';
import type { ProviderListing } from './provider-listing.ts';
import type { PaymentProvider } from './provider.ts';
import type { Settings } from './settings.ts';

/** A port that was opened for several processes: what `listen` of a `net.Server` takes. */
export type Door = object;

export interface Platform {
  readonly settings: Settings;
  /** Where the gateway listens, if somebody opened it, once for each listener; else it opens the port of the settings. */
  readonly doors?: readonly Door[];
  /** A secret of this installation by name (32 random bytes, kept in `DATA_DIR/keys` or given by the environment). */
  secret(name: string): Buffer;
  /** The PostgreSQL schema of one context, migrated, with its entities; the caller closes it. */
  database(options: {
    readonly schema: Context;
    readonly entities: NonNullable<DatabaseOptions['entities']>;
    readonly migrations: Migrations;
  }): Promise<Database>;
  /** The event log, one per node; the platform closes it. */
  log(): Promise<EventLog>;
  dynamo(): DynamoDBClient;
  /** Customers' lists of orders come from DynamoDB, which the orders service then keeps in step (ADR 25); default: they do not. */
  readonly orderHistory?: boolean;
  provider(): PaymentProvider;
  /** For the probe alone, which reads what several contexts own and changes nothing (ADR 30); absent: not on this node. */
  readonly probe?: ProbeSources;
  mailer(): Mailer;
  /** Says loudly that a person is needed (parked command, stuck delivery); a line in the log, a metric later. */
  alert(what: string, particulars: object): void;
}

export interface ProbeSources {
  /** Signs in as the probe's role; the caller closes it. */
  reader(): Promise<Reader>;
  listing(): ProviderListing;
}
