/**
 * The one table of close codes, as `protocol/src/close.rs` has it: why a connection ended, and whether to try again.
 * @module
 */

/** @type {Record<number, { retry: boolean, reason: string }>} */
const TABLE = {
  1000: { retry: false, reason: "left" },
  1001: { retry: true, reason: "the server is going away" },
  1002: { retry: false, reason: "the WebSocket protocol was broken" },
  1003: { retry: false, reason: "a message that this subprotocol does not have" },
  1006: { retry: true, reason: "the connection was lost" },
  1007: { retry: false, reason: "a text that is not UTF-8" },
  1009: { retry: false, reason: "the message is too big" },
  1011: { retry: true, reason: "internal error" },
  4400: { retry: false, reason: "malformed message" },
  4401: { retry: false, reason: "the token was refused" },
  4408: { retry: true, reason: "too slow" },
  4409: { retry: false, reason: "replaced by a newer session" },
  4410: { retry: false, reason: "kicked" },
  4426: { retry: false, reason: "this protocol version is not spoken here" },
  4429: { retry: true, reason: "too many messages" },
  4430: { retry: true, reason: "no sign of life" },
  4431: { retry: true, reason: "too far behind" },
  4500: { retry: false, reason: "the room failed" },
  4503: { retry: true, reason: "no place now" },
};

/**
 * Whether a client should connect again after this code. One that is not in the table is worth another try.
 * @param {number} code
 */
export function mayRetry(code) {
  return TABLE[code]?.retry ?? true;
}

/**
 * What to tell people if the server said nothing more exact.
 * @param {number} code
 */
export function closeReason(code) {
  return TABLE[code]?.reason ?? `closed with ${code}`;
}
