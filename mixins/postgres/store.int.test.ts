import { storeContract } from '../store.contract.ts';
import { postgresStore } from './store.ts';
import { testDatabase } from './testing.ts';

storeContract('PostgreSQL', async () => {
  const database = await testDatabase();
  const other = await database.again();
  return {
    store: postgresStore({ database, actor: 'order', rowsActor: true }),
    second: postgresStore({ database: other, actor: 'order', rowsActor: true }),
    close: () => database.close(),
  };
});
