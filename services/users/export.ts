// All accounts as a file, newest first, page by page at flat memory: as CSV, or as the API shows them, one a line.

import { csvLine } from '../../mixins/csv.ts';
import type { ExportFormat } from '../../mixins/export-file.ts';
import type { Database } from '../../mixins/postgres/database.ts';
import type { UserView } from './user.view.ts';
import { allUsers } from './users.list.ts';

const COLUMNS = ['id', 'email', 'name', 'phone', 'role', 'created_at'];
const ADDRESS_COLUMNS = ['addressee', 'line1', 'line2', 'city', 'postcode', 'country'];

/** The file's text, in pieces. */
export async function* exportUsers(database: Database, format: ExportFormat): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine([...COLUMNS, ...ADDRESS_COLUMNS]);
  const lineOf = format === 'csv' ? toCsv : toJson;
  for await (const page of allUsers(database)) yield page.map(lineOf).join('');
}

function toCsv({ id, email, name, phone, role, createdAt, address }: UserView): string {
  const { name: addressee, line1, line2, city, postcode, country } = address ?? {};
  return csvLine([id, email, name, phone, role, createdAt, addressee, line1, line2, city, postcode, country]);
}

function toJson(user: UserView): string {
  return `${JSON.stringify(user)}\n`;
}
