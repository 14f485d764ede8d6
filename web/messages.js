/**
 * The control messages of both ends, and the frames that carry them.
 * @module
 */

export * from "./messages/client.js";
export { DEFAULT_CHANNEL } from "./messages/rooms.js";
export { readMessages } from "./messages/server.js";

export const SUBPROTOCOL = "tickwire.v1";
