// Writes the tables of docs/configuration.md from mixins/settings-table.ts. configuration.test.ts fails until it is done.

import { readFileSync, writeFileSync } from 'node:fs';
import { withTables } from './configuration.ts';

const page = new URL('../../docs/configuration.md', import.meta.url);
writeFileSync(page, withTables(readFileSync(page, 'utf8')));
console.log('docs/configuration.md is up to date.');
