// All services of the shop, in the order in which they start: what others call comes first.

import type { Platform } from '../mixins/platform.ts';
import type { AnySchema } from '../mixins/service-schema.ts';
import { activityService } from './activity/activity.service.ts';
import { analyticsService } from './analytics/analytics.service.ts';
import { apiService } from './api/api.service.ts';
import { cartsService } from './carts/carts.service.ts';
import { inventoryService } from './inventory/inventory.service.ts';
import { notificationsService } from './notifications/notifications.service.ts';
import { ordersService } from './orders/orders.service.ts';
import { paymentsService } from './payments/payments.service.ts';
import { probeService } from './probe/probe.service.ts';
import { productsService } from './products/products.service.ts';
import { usersService } from './users/users.service.ts';

export const services: readonly ((platform: Platform) => AnySchema)[] = [
  inventoryService,
  productsService,
  usersService,
  cartsService,
  paymentsService,
  notificationsService,
  activityService,
  analyticsService,
  ordersService,
  probeService,
  apiService,
];

/** The services of these names (their schemas bear them), in the order in which they start; all of them for no names. */
export function servicesNamed(names: readonly string[]): readonly ((platform: Platform) => AnySchema)[] {
  if (names.length === 0) return services;
  return services.filter((service) => names.includes(nameOf(service)));
}

/** `ordersService` makes the service "orders". */
function nameOf({ name }: { readonly name: string }): string {
  return name.replace(/Service$/, '');
}
