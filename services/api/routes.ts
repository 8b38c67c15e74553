// The route table: every call of the REST contract, once. From it come the aliases of moleculer-web, the validation and
// the OpenAPI document.

import { accountRoutes } from './accounts.routes.ts';
import { activityRoutes, operationRoutes } from './activity.routes.ts';
import { catalogueRoutes } from './catalogue.routes.ts';
import { orderRoutes } from './orders.routes.ts';
import type { Route } from './route.ts';

export const routes: readonly Route[] = [
  ...accountRoutes,
  ...catalogueRoutes,
  ...orderRoutes,
  ...activityRoutes,
  ...operationRoutes,
];
