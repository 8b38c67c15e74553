// Where the probe reads: as a role of its own in PostgreSQL, under a key of its own at the provider (ADR 30).

import type { ProbeSources } from '../../mixins/platform.ts';
import { openReader } from '../../mixins/postgres/reader.ts';
import { providerListing } from '../../mixins/provider-listing.ts';

export interface ProbeSourcesOptions {
  /** Where PostgreSQL is, for the role of the probe; asked for when it is opened. */
  readonly url: () => string;
  /** What has to be done before it can be opened. */
  readonly prepare?: () => Promise<void>;
  readonly providerUrl: string;
  readonly secret: (name: string) => Buffer;
  readonly applicationName: string;
}

/** Opens nothing before it is asked. */
export function probeSources({
  url,
  prepare,
  providerUrl,
  secret,
  applicationName,
}: ProbeSourcesOptions): ProbeSources {
  return {
    async reader() {
      await prepare?.();
      return openReader({ url: url(), applicationName });
    },
    listing: () => providerListing({ url: providerUrl, key: secret('provider-listing-key').toString('hex') }),
  };
}
