import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { answerSchemas } from './answers.schemas.ts';
import { openApiDocument, refusedStatuses } from './openapi.ts';
import { routes } from './routes.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> };
  readonly responses: Record<
    string,
    { readonly description?: string; readonly content?: Record<string, { readonly schema: object }> }
  >;
}
const document = openApiDocument(routes) as {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
};
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

describe('the OpenAPI document', () => {
  it('has an operation for every line of the route table', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(({ operationId }) => operationId).sort()).toEqual(routes.map(({ action }) => action).sort());
  });

  it('points nowhere in vain', () => {
    const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]);
    for (const name of names) expect(Object.keys(answerSchemas)).toContain(name);
  });

  it('holds schemas that are schemas', () => {
    const ajv = new Ajv2020({ strict: false });
    const schemas = operations.flatMap(({ parameters, requestBody, responses }) => [
      ...parameters.map(({ schema }) => schema),
      ...Object.values(requestBody?.content ?? {}).map(({ schema }) => schema),
      ...Object.values(responses).flatMap(({ content }) => Object.values(content ?? {}).map(({ schema }) => schema)),
    ]);
    for (const schema of [...schemas, ...Object.values(answerSchemas)])
      expect([ajv.validateSchema(schema), ajv.errors]).toEqual([true, null]);
  });

  it('names every status of a call, with a description', () => {
    for (const route of routes) {
      const { responses = {} } = document.paths[route.path]?.[route.method.toLowerCase()] ?? {};
      for (const status of [...route.statuses, ...refusedStatuses(route)])
        expect(responses[status]?.description).toBeTruthy();
    }
  });

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).toEqual(document);
  });
});
