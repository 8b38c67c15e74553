// Whether a manifest is what Chaos Mesh expects, by its own definitions, and more strictly than a cluster asks: Kubernetes
// drops a field that it does not know without a word, and the fault is then another one.
//
//   chaos-mesh.org_podchaos.yaml ─► openAPIV3Schema ─► closed (no other fields) ─► ajv ─► complaints

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { list, type Manifest, type Tree, tree } from './manifests.ts';

/** Complaints about a manifest, as sentences; none: it is valid. */
export type Validate = (manifest: Manifest) => readonly string[];

/** Sizes of numbers and notations of texts that say nothing more about what we write. */
const FORMATS = ['int32', 'int64', 'byte', 'date-time'];

/** Validates by the definitions in this folder. Each is read when it is first needed: those of workflows are large. */
export function validation(folder: string): Validate {
  const files = readdirSync(folder);
  const known = new Map<string, ValidateFunction | undefined>();
  return ({ file, apiVersion, kind, metadata, spec }) => {
    const key = `${apiVersion} ${kind}`;
    if (!known.has(key)) known.set(key, compile(folder, files, apiVersion, kind));
    const validate = known.get(key);
    if (validate === undefined) return [`${file} is a ${kind} of ${apiVersion}, of which there is no definition.`];
    if (validate({ apiVersion, kind, metadata, spec })) return [];
    return (validate.errors ?? []).map(({ instancePath, message = '', params }) => {
      const more = Object.values(params).flat().join(', ');
      return `${file} at ${instancePath || '/'} ${message}${more === '' ? '' : ` (${more})`}.`;
    });
  };
}

function compile(folder: string, files: readonly string[], apiVersion: string, kind: string) {
  const [group = '', version] = apiVersion.split('/');
  // The file is named after the plural, which is the kind in small letters, with an s where that is a plural in English.
  const names = [kind, `${kind}s`].map((name) => `${group}_${name.toLowerCase()}.yaml`);
  const file = names.find((name) => files.includes(name));
  if (file === undefined) return undefined;
  const definition = tree(parse(readFileSync(join(folder, file), 'utf8')));
  const versions = list(tree(definition['spec'])['versions']).map(tree);
  const schema = tree(versions.find(({ name }) => name === version)?.['schema'])['openAPIV3Schema'];
  if (schema === undefined) return undefined;
  const ajv = new Ajv({ strict: false, allErrors: true, formats: Object.fromEntries(FORMATS.map((f) => [f, true])) });
  return ajv.compile(closed(withMetadata(tree(schema))));
}

/** The definitions leave the metadata to the server; these are the fields that a person writes. */
function withMetadata(schema: Tree): Tree {
  const words = { type: 'object', additionalProperties: { type: 'string' } };
  const properties = { name: { type: 'string' }, namespace: { type: 'string' }, labels: words, annotations: words };
  const metadata = { type: 'object', properties, required: ['name', 'namespace'] };
  return { ...schema, properties: { ...tree(schema['properties']), metadata } };
}

/** The same schema, taking no field that it does not name, and in the words of later drafts than OpenAPI's. */
function closed(schema: Tree): Tree {
  const { properties, items, additionalProperties, minimum, exclusiveMinimum, ...others } = schema;
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  return {
    ...others,
    ...(minimum === undefined ? {} : { [exclusiveMinimum === true ? 'exclusiveMinimum' : 'minimum']: minimum }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(tree(properties)).map(([name, of]) => [name, closed(tree(of))]),
          ),
        }),
    ...(items === undefined ? {} : { items: closed(tree(items)) }),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: closed(tree(additionalProperties)) }
      : properties !== undefined && additionalProperties === undefined && !isOpen
        ? { additionalProperties: false }
        : additionalProperties === undefined
          ? {}
          : { additionalProperties }),
  };
}
