// What a search for an order is given: an object that does one thing after another, and operations on it that took time.

/** A sequential object. */
export interface Model<State, Input> {
  readonly initial: State;
  /** The state after the operation; undefined: it could not have answered so. The same state: it changes nothing. */
  step(state: State, input: Input): State | undefined;
  /** Equal for equal states. */
  keyOf(state: State): string | number;
  /** Whether operations lead to one state in whatever order they are placed. */
  readonly isCommutative: boolean;
}

/** One operation of the object, as its client saw it. */
export interface Spanned<Input> {
  readonly input: Input;
  readonly from: number;
  /** Infinity: nobody knows when it had taken effect. */
  readonly to: number;
  /** It may never have taken effect, or at any time from its beginning on, whatever `to` says. */
  readonly optional?: boolean;
  /** Another operation of the list (by its place in it) that it can only come after. */
  readonly after?: number;
  /** Operations of one kind are interchangeable: they fit and change every state alike, and nothing comes after them alone. */
  readonly alike?: string;
}

/** How far an order leads that does not lead to the end. Operations are told by their places in the list. */
export interface Impasse<State> {
  /** How many were placed, and the state they led to. */
  readonly placed: number;
  readonly state: State;
  /** One that had to come next, and could not. */
  readonly stuck: number;
}

/** When it must have taken effect. */
export const endOf = ({ to, optional }: Spanned<unknown>): number =>
  optional === true ? Number.POSITIVE_INFINITY : to;
