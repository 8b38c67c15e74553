import { describe, expect, it } from '@jest/globals';
import { routes } from './routes.ts';

/** The calls of the REST contract, as its table lists them. */
const contract = `
  POST /api/v1/auth/register             POST /api/v1/auth/login              POST /api/v1/auth/refresh
  POST /api/v1/auth/logout               POST /api/v1/auth/password           GET /api/v1/customers/me
  PATCH /api/v1/customers/me             GET /api/v1/customers                GET /api/v1/customers/{id}
  PATCH /api/v1/customers/{id}           GET /api/v1/products                 GET /api/v1/products/{id}
  GET /api/v1/categories                 POST /api/v1/products                PATCH /api/v1/products/{id}
  DELETE /api/v1/products/{id}           POST /api/v1/products/import         POST /api/v1/stock/{sku}/receive
  POST /api/v1/stock/{sku}/write-off     GET /api/v1/stock/{sku}              POST /api/v1/carts
  GET /api/v1/carts/{id}                 PUT /api/v1/carts/{id}/lines/{productId}
  DELETE /api/v1/carts/{id}/lines/{productId}                                 GET /api/v1/carts/me
  PUT /api/v1/carts/me/lines/{productId} DELETE /api/v1/carts/me/lines/{productId}
  POST /api/v1/orders                    GET /api/v1/orders                   GET /api/v1/orders/{id}
  POST /api/v1/orders/{id}/cancel        GET /api/v1/orders/{id}/timeline     GET /api/v1/orders/{id}/stream
  POST /api/v1/orders/{id}/ship          POST /api/v1/orders/{id}/deliver     POST /api/v1/orders/{id}/refund
  GET /api/v1/products/export            GET /api/v1/orders/export            GET /api/v1/customers/export
  POST /api/v1/payments/webhooks/{provider}                                   POST /api/v1/events
  POST /api/v1/events/flush              GET /api/v1/analytics/products/{id}
  GET /health/live                       GET /health/ready                    GET /openapi.json
  GET /metrics
`;

const callOf = ({ method, path }: { readonly method: string; readonly path: string }) => `${method} ${path}`;

describe('the route table', () => {
  it('holds every call of the contract, and no other', () => {
    const wanted = [...contract.matchAll(/[A-Z]+ \/\S+/g)].map(([call]) => call);
    expect(routes.map(callOf).sort()).toEqual(wanted.sort());
  });

  it('gives every call an action of its own', () => {
    const actions = routes.map(({ action }) => action);
    expect(new Set(actions).size).toBe(actions.length);
  });

  it('describes every parameter of a path', () => {
    for (const { path, params } of routes) {
      expect([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])).toEqual(Object.keys(params));
    }
  });

  it('lets every POST that creates or charges be repeated under a key', () => {
    const unkeyed = routes
      .filter(({ method, idempotent }) => method === 'POST' && !idempotent)
      .map(({ action }) => action);
    // An import is idempotent by its rows, ending a login twice is ending it, and webhooks carry ids of their own.
    expect(unkeyed).toEqual(['users.logout', 'products.import', 'payments.webhook']);
    expect(routes.filter(({ method, idempotent }) => method !== 'POST' && idempotent)).toEqual([]);
  });

  it('looks answers up where they were given', () => {
    for (const { action, lookup } of routes) {
      if (lookup !== undefined) expect(lookup).toBe(`${action.split('.')[0]}.answered`);
    }
  });

  it('keeps what is not public from the public', () => {
    const open = routes.filter(({ who }) => who === 'public').map(callOf);
    expect(open.filter((call) => !call.startsWith('GET'))).toEqual([
      'POST /api/v1/auth/register',
      'POST /api/v1/auth/login',
      'POST /api/v1/auth/refresh',
      'POST /api/v1/auth/logout',
      'POST /api/v1/payments/webhooks/{provider}',
      'POST /api/v1/events',
    ]);
    expect(open.filter((call) => /customers|orders|carts|stock|export/.test(call))).toEqual([]);
  });
});
