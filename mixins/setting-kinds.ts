// Kinds of settings: what a text of the environment must be, in words and as a check, and what it becomes. The words end
// the sentence "PORT is "http", but must be …".

import { isIP, isIPv6 } from 'node:net';

/** One kind of setting. */
export interface Kind<T> {
  /** Goes on after "must be": "a whole number from 0 to 65535". */
  readonly form: string;
  readonly fits: (text: string) => boolean;
  /** Of a text that fits. */
  readonly read: (text: string) => T;
  /** The part of a text that is to blame, where it has parts. */
  readonly blame?: (text: string) => string | undefined;
}

/** A name within a host name (RFC 1123), and with underscores, as containers have them. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
/** A name in the domain of an e-mail address. */
const MAIL_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const MAIL_LOCAL = /^[\w.!#$%&'*+/=?^`{|}~-]+$/;
const HOST_LENGTH_MAX = 253;
const EMAIL_LENGTH_MAX = 254;
const PORT_MAX = 65_535;

const asItIs = (text: string): string => text;

/** Visible text of so many bytes at most. */
export function visibleText(bytesMax: number, form = `a text of at most ${bytesMax} bytes`): Kind<string> {
  return { form, fits: (given) => /\S/.test(given) && Buffer.byteLength(given) <= bytesMax, read: asItIs };
}

/** Text of so many characters; as JSON Schema counts them, so that the API agrees. */
export function lengthFrom(min: number, max: number): Kind<string> {
  const lengthOf = (given: string) => Array.from(given).length;
  const fits = (given: string) => lengthOf(given) >= min && lengthOf(given) <= max;
  return { form: `${min} to ${max} characters long`, fits, read: asItIs };
}

/** Decimal digits only: not `0x10`, `1e3` or a blank, which are numbers to `Number`. */
export function wholeNumber(min: number, max: number): Kind<number> {
  return {
    form: `a whole number from ${min} to ${max}`,
    fits: (given) => /^\d{1,15}$/.test(given) && Number(given) >= min && Number(given) <= max,
    read: Number,
  };
}

/** One of these words. */
export function oneOf<T extends string>(words: readonly T[]): Kind<T> {
  return {
    form: `one of ${words.join(', ')}`,
    fits: (given) => (words as readonly string[]).includes(given),
    read: (given) => given as T,
  };
}

/** Several of one kind, parted by commas, each at most once; blanks around them do not count. */
export function listOf(item: Kind<string>, form: string): Kind<readonly string[]> {
  const parts = (given: string) => given.split(',').flatMap((part) => part.trim() || []);
  const blame = (given: string) =>
    parts(given).find((part, index, all) => !item.fits(part) || all.indexOf(part) !== index);
  return { form, fits: (given) => parts(given).length > 0 && blame(given) === undefined, read: parts, blame };
}

/** The same list, as text without blanks. */
export function joinedList(item: Kind<string>, form: string): Kind<string> {
  const list = listOf(item, form);
  return { ...list, read: (given) => list.read(given).join(',') };
}

/** A name or an address without a port; an IPv6 address may stand in brackets, and loses them. */
export const host: Kind<string> = {
  form: 'a host name or an address, without scheme and port',
  fits: (given) => isIP(withoutBrackets(given)) !== 0 || isHostName(given),
  read: withoutBrackets,
};

/** A host, or the folder of a local socket. */
export const hostOrFolder: Kind<string> = {
  form: 'a host name or an address without port, or the folder of a local socket',
  fits: (given) => given.startsWith('/') || host.fits(given),
  read: host.read,
};

/** A host and a port. */
export const hostAndPort: Kind<string> = {
  form: 'host:port',
  fits(given) {
    const [, name = '', port = ''] = /^(.+):(\d{1,5})$/.exec(given) ?? [];
    const isAddress = name.startsWith('[') ? host.fits(name) : !name.includes(':') && host.fits(name);
    return isAddress && Number(port) >= 1 && Number(port) <= PORT_MAX;
  },
  read: asItIs,
};

export interface UrlOptions {
  /** Whether user and password may stand in it. */
  readonly user?: boolean;
  /** Whether something may follow the port: a path, or a query. */
  readonly path?: boolean;
}

/** A URL of one of these schemes. The host may be left out where a query can name it (`?host=/run/postgresql`). */
export function url(
  schemes: readonly string[],
  form: string,
  { user = false, path = false }: UrlOptions = {},
): Kind<string> {
  return {
    form,
    fits(given) {
      const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(\S+)$/.exec(given) ?? [];
      const parsed = URL.parse(given);
      if (parsed === null || !schemes.includes(scheme)) return false;
      const hasHost = parsed.hostname !== '' && !rest.startsWith('/');
      return (
        (hasHost || (path && parsed.searchParams.has('host'))) &&
        (user || (parsed.username === '' && parsed.password === '')) &&
        (path || /^[^/?#]*\/?$/.test(rest))
      );
    },
    read: asItIs,
  };
}

/** An e-mail address as the API takes it: no other could sign in. */
export const email: Kind<string> = {
  form: 'an e-mail address',
  fits(given) {
    const at = given.lastIndexOf('@');
    const labels = given.slice(at + 1).split('.');
    return (
      given.length <= EMAIL_LENGTH_MAX &&
      MAIL_LOCAL.test(given.slice(0, Math.max(at, 0))) &&
      labels.length > 1 &&
      labels.every((label) => MAIL_LABEL.test(label))
    );
  },
  read: asItIs,
};

/** A name that may be part of a NATS subject, where dots, blanks, `*` and `>` have a meaning. */
export const nodeName: Kind<string> = {
  form: 'a name of 1 to 64 letters, digits and dashes that does not begin with a dash',
  fits: (given) => /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(given),
  read: asItIs,
};

/** A region of AWS. */
export const region: Kind<string> = {
  form: 'the name of an AWS region',
  fits: (given) => /^[a-z]{2,3}(?:-[a-z]+){1,3}-\d{1,2}$/.test(given),
  read: asItIs,
};

function withoutBrackets(given: string): string {
  const inner = given.startsWith('[') && given.endsWith(']') ? given.slice(1, -1) : '';
  return isIPv6(inner) ? inner : given;
}

function isHostName(given: string): boolean {
  // What ends in digits only is meant as an address, and is none: `127.0.0`, `300.1.1.1`.
  const labels = given.split('.');
  return (
    given.length <= HOST_LENGTH_MAX && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
  );
}
