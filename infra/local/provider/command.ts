// How the simulated payment provider is started beside a shop, in whichever mode.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('provider.ts', import.meta.url));

/** Who holds this key of the installation may list the provider's charges and refunds: no service but the probe. */
export const LISTING_KEY = 'provider-listing-key';
/** The keys that shop and provider share. */
export const providerKeys = ['provider-api-key', LISTING_KEY, 'provider-webhooks'] as const;

export interface ProviderCommand {
  readonly port: number;
  readonly dataDir: string;
  /** The folder with the keys that shop and provider share, as the real ones would be handed out by the provider. */
  readonly keys: string;
  readonly shopUrl: string;
  /** Which charges are reported by webhook as well. */
  readonly webhooks: 'all' | 'unanswered';
}

/** The words behind `node`. */
export function providerArgs({ port, dataDir, keys, shopUrl, webhooks }: ProviderCommand): readonly string[] {
  return [
    '--disable-warning=ExperimentalWarning',
    PROGRAM,
    '--port',
    String(port),
    '--data',
    join(dataDir, 'provider'),
    '--api-key-file',
    join(keys, 'provider-api-key'),
    '--listing-key-file',
    join(keys, LISTING_KEY),
    '--webhook-secret-file',
    join(keys, 'provider-webhooks'),
    '--webhook-url',
    `${shopUrl}/api/v1/payments/webhooks/simulated`,
    '--webhooks',
    webhooks,
  ];
}
