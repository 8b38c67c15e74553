// Hosts and ports as they stand in a URL.

/** A host as a URL takes it: an IPv6 address stands in brackets. */
export const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The address of an HTTP server: `http://host:port`. */
export const httpUrl = (host: string, port: number): string => `http://${hostInUrl(host)}:${port}`;
