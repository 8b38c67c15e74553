// Where a text stops being JSON. `JSON.parse` says that it does, but not always where; this looks again, and runs for
// refused bodies only. Strings are walked by hand: a pattern for them could be made to run for ever.

const BLANK = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const HEX = /[\da-fA-F]{4}/y;

type Expected = 'value' | 'first-key' | 'key' | 'first-value' | 'colon' | 'comma' | 'end';

/** Offset of the first token that is not JSON, or that cannot come there; the length of the text if it ends too early. */
export function faultOf(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  for (;;) {
    at = after(BLANK, text, at) ?? at;
    const first = text.charAt(at);
    const isString = first === '"';
    const isMark = '{}[],:'.includes(first);
    const next: Expected | undefined =
      first === '' ? undefined : follow(expected, isString ? 'string' : isMark ? first : 'scalar', open);
    if (next === undefined) return at;
    expected = next;
    if (isString) {
      const end = stringEnd(text, at);
      if (end.fault !== undefined) return end.fault;
      at = end.at;
    } else {
      const end = isMark ? at + 1 : after(SCALAR, text, at);
      if (end === undefined) return at;
      at = end;
    }
  }
}

/** What may come after a token; undefined if the token itself may not come here. */
function follow(expected: Expected, token: string, open: ('{' | '[')[]): Expected | undefined {
  const isValue = expected === 'value' || expected === 'first-value';
  const inside = (): Expected => (open.length === 0 ? 'end' : 'comma');
  if (token === 'string' && (expected === 'key' || expected === 'first-key')) return 'colon';
  if (isValue && (token === 'string' || token === 'scalar')) return inside();
  if (isValue && (token === '{' || token === '[')) {
    open.push(token);
    return token === '{' ? 'first-key' : 'first-value';
  }
  if (expected === 'colon' && token === ':') return 'value';
  if (expected === 'comma' && token === ',') return open.at(-1) === '{' ? 'key' : 'value';
  const closes = token === '}' ? '{' : token === ']' ? '[' : undefined;
  const mayClose =
    expected === 'comma' ||
    (expected === 'first-key' && token === '}') ||
    (expected === 'first-value' && token === ']');
  if (closes === undefined || !mayClose || open.at(-1) !== closes) return undefined;
  open.pop();
  return inside();
}

/** Where the string that begins at `start` ends, or what is wrong in it. */
function stringEnd(text: string, start: number): { readonly at: number; readonly fault?: number } {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') return { at: at + 1 };
    if (character < ' ') return { at, fault: at };
    if (character !== '\\') continue;
    at += 1;
    if (text.charAt(at) === 'u' && after(HEX, text, at + 1) !== undefined) at += 4;
    else if (!'"\\/bfnrt'.includes(text.charAt(at))) return { at, fault: at };
  }
  return { at: text.length, fault: text.length };
}

function after(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
