import { StoreUnavailable } from '../../mixins/store.ts';
import { describe, expect, it } from '@jest/globals';
import { Errors } from 'moleculer';
import { Problem } from '../../brokers/problem.ts';
import { problemOf, render } from './failures.ts';

const answer = (error: unknown) => {
  const { problem, unforeseen } = problemOf(error);
  const { status, headers, body } = render(problem, 'r-1');
  return { status, headers, body: JSON.parse(body) as Record<string, unknown>, text: body, unforeseen };
};

describe('a problem', () => {
  it('is told as its author wrote it', () => {
    const errors = [
      {
        pointer: '/lines/0/quantity',
        code: 'insufficient-stock',
        detail: 'too few',
        productId: 'p',
        requested: 2,
        available: 1,
      },
    ];
    const { status, body, unforeseen } = answer(
      new Problem('insufficient-stock', 'stock does not suffice', errors, { orderId: 'o-1' }),
    );
    expect({ status, unforeseen }).toEqual({ status: 409, unforeseen: false });
    expect(body).toEqual({
      type: 'urn:souk:problem:insufficient-stock',
      title: 'Insufficient stock',
      status: 409,
      code: 'insufficient-stock',
      detail: 'stock does not suffice',
      requestId: 'r-1',
      errors,
      orderId: 'o-1',
    });
  });

  it('keeps its causes to itself', () => {
    const { text } = answer(
      new Problem('unavailable', 'try again', undefined, {
        cause: 'connect ECONNREFUSED 10.0.0.7',
        state: { secret: 1 },
      }),
    );
    expect(text).not.toMatch(/ECONNREFUSED|secret/);
  });

  it('arrives from other nodes by name, without its class', () => {
    const travelled = Object.assign(new Error('there is no order o-1'), {
      name: 'Problem',
      code: 404,
      type: 'not-found',
      data: {},
    });
    expect(answer(travelled)).toMatchObject({ status: 404, unforeseen: false });
  });

  it('says when to come back, and what was missing', () => {
    expect(answer(new Problem('overloaded', '')).headers['Retry-After']).toBe('1');
    expect(
      answer(new Problem('too-many-requests', '', undefined, { retryAfterSeconds: 7 })).headers['Retry-After'],
    ).toBe('7');
    expect(answer(new Problem('unauthenticated', '')).headers['WWW-Authenticate']).toBe('Bearer realm="souk"');
    expect(answer(new Problem('token-expired', '')).headers['WWW-Authenticate']).toContain('invalid_token');
  });

  it('with a slug that nobody listed is a fault', () => {
    expect(answer(new Problem('made-up', 'a detail'))).toMatchObject({ status: 500, unforeseen: true });
  });
});

describe('a failure', () => {
  it.each([
    [new Errors.ServiceNotFoundError({ action: 'orders.place' })],
    [new Errors.ServiceNotAvailableError({ action: 'orders.place' })],
    [new StoreUnavailable('the connection was lost')],
    [new Errors.RequestTimeoutError({ action: 'orders.place' })],
    [new Errors.RequestSkippedError({ action: 'orders.place' })],
    [new Errors.RequestRejectedError({ action: 'orders.place' })],
    [new Errors.QueueIsFullError({ action: 'orders.place' })],
    [new Errors.BrokerDisconnectedError('Broker is disconnected!')],
  ])('of the mesh (%s) is 503, to be tried again, and names no part of it', (error) => {
    const { status, headers, text, unforeseen } = answer(error);
    expect({ status, unforeseen }).toEqual({ status: 503, unforeseen: false });
    expect(headers['Retry-After']).toBeDefined();
    expect(text).not.toMatch(/orders\.place|node|broker/i);
  });

  it("of a service's own check is 422", () => {
    const error = new Errors.ValidationError('Parameters validation error!', 'VALIDATION_ERROR', [
      { type: 'required', field: 'lines.0', message: 'x' },
    ]);
    expect(answer(error)).toMatchObject({ status: 422, body: { errors: [{ pointer: '/lines/0', code: 'required' }] } });
  });

  it.each([
    [new TypeError('cannot read /etc/passwd')],
    [new Errors.MoleculerError('secret', 404, 'X', { secret: 1 })],
    ['text'],
    [undefined],
    [null],
  ])('of any other kind (%s) is 500 and says nothing', (error) => {
    const { status, text, unforeseen } = answer(error);
    expect({ status, unforeseen }).toEqual({ status: 500, unforeseen: true });
    expect(text).not.toMatch(/passwd|secret|text|at /);
  });
});
