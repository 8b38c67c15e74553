// The type of a Moleculer service whose `this` is known. Moleculer's own default types `this` as a bag of anything.

import type { ServiceSchema, ServiceSettingSchema } from 'moleculer';

/** Schema of a service that has `T` as its `this`. */
export type SchemaOf<T> = ServiceSchema<ServiceSettingSchema, object, object, T>;

/** A schema among others of another `this`: what a broker or a list of mixins takes. */
// oxlint-disable-next-line typescript/no-explicit-any -- `this` is contravariant: nothing narrower takes all schemas
export type AnySchema = ServiceSchema<any, any, any, any>;
