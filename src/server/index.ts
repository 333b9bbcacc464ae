/**
 * server/: the doors to outside: HTTP and the binary client protocol, two codecs over `api/`.
 */
export { ClientServer, type ClientServerOptions } from './client-server.ts';
export { HttpServer, type HttpServerOptions } from './http-server.ts';
export { httpStatusOf } from './http-status.ts';
export { type DoorAddress, formatAddress } from './listen.ts';
