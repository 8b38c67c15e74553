// Writes nightly.yaml from the faults' files. manifests.test.ts fails until it is done.

import { writeFileSync } from 'node:fs';
import { readFaults, readNamespace } from './manifests.ts';
import { renderNightly } from './nightly.ts';

const faults = readFaults();
writeFileSync(new URL('nightly.yaml', import.meta.url), renderNightly(faults, readNamespace()));
console.log(`nightly.yaml holds ${faults.length} faults.`);
