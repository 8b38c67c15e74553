// The manifests of this folder, as they are read: a file for each kind of fault, and what stays in the cluster.
//
//   faults/<kind>.yaml │ kustomization.yaml ─► its resources (nightly.yaml) ─► Manifest { file, kind, spec … }

import { readdirSync, readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';

/** Part of a document, of which nothing is known yet. */
export type Tree = Readonly<Record<string, unknown>>;

export interface Manifest {
  /** Below this folder: `faults/kill.yaml`. */
  readonly file: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Tree;
  readonly spec: Tree;
}

const HERE = new URL('.', import.meta.url);

/** The text of a file of this folder. */
export const textOf = (file: string): string => readFileSync(new URL(file, HERE), 'utf8');

/** A mapping, or an empty one if it is something else; who reads on finds nothing. */
export const tree = (value: unknown): Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : {};

/** A list, or an empty one if it is something else. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/**
 * Reads manifests from YAML.
 * @throws Error for what is no YAML, or no mapping
 */
export function parseManifests(file: string, text: string): readonly Manifest[] {
  const documents = parseAllDocuments(text);
  if (documents.length === 0) throw new Error(`${file} holds nothing; there should be a manifest.`);
  return [...documents].map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file} is no YAML: ${error.message}`);
    const { apiVersion, kind, metadata, spec } = tree(document.toJS());
    if (typeof kind !== 'string' || typeof apiVersion !== 'string')
      throw new Error(`${file} holds a document without apiVersion and kind; there should be a manifest.`);
    return { file, apiVersion, kind, metadata: tree(metadata), spec: tree(spec) };
  });
}

/** The manifests of the faults, by their files' names. */
export function readFaults(): readonly Manifest[] {
  const files = readdirSync(new URL('faults/', HERE)).toSorted();
  return files.map((file) => `faults/${file}`).flatMap((file) => parseManifests(file, textOf(file)));
}

const kustomization = (): Tree => tree(parse(textOf('kustomization.yaml')));

/** The one namespace that the manifests may touch. */
export const readNamespace = (): string => String(kustomization()['namespace']);

/** What `kubectl apply -k` would put into the cluster. */
export const readKept = (): readonly Manifest[] =>
  list(kustomization()['resources']).flatMap((file) => parseManifests(String(file), textOf(String(file))));
