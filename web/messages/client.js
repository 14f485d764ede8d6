/**
 * What a client says, as frames.
 * @module
 */

import { Writer } from "../bytes.js";
import { writeAddress, writeChannel, writeContent, writeName, writeTarget, writeWanted } from "./rooms.js";

/**
 * @typedef {import("./rooms.js").Scope} Scope
 * @typedef {{ token: Uint8Array, received: number }} Resume A seat that is taken up again: the token of its last welcome, and the number of
 *   the newest message that came.
 */

const PROTOCOL_VERSION = 1;

const utf8 = new TextEncoder();

/** @param {string} token */
export function auth(token) {
  return frame(0x01, (out) => {
    out.unsigned(PROTOCOL_VERSION);
    out.string(token);
  });
}

/**
 * @param {string | null} id
 * @param {import("./rooms.js").Target} target
 * @param {import("./rooms.js").Role} role
 * @param {Resume | null} resume
 */
export function join(id, target, role, resume) {
  return frame(0x02, (out) => {
    writeId(out, id);
    writeTarget(out, target);
    out.unsigned(role === "player" ? 0 : 1);
    out.option(resume, ({ token, received }) => {
      out.put(token);
      out.unsigned(received);
    });
  });
}

/**
 * @param {number} sequence
 * @param {number} tick
 * @param {number} acked
 * @param {Uint8Array} record
 */
export function input(sequence, tick, acked, record) {
  return frame(0x03, (out) => {
    out.varint(sequence);
    out.varint(tick);
    out.varint(acked);
    out.put(record);
  });
}

export function leave() {
  return frame(0x04, () => {});
}

/**
 * @param {number | null} base
 * @param {boolean} desync
 */
export function resync(base, desync) {
  return frame(0x05, (out) => {
    out.option(base, (base) => out.unsigned(base));
    out.bool(desync);
  });
}

/** @param {number} nonce */
export function probe(nonce) {
  return frame(0x06, (out) => out.unsigned(nonce));
}

/**
 * @param {number} nonce
 * @param {number} acked
 */
export function probeReply(nonce, acked) {
  return frame(0x07, (out) => {
    out.unsigned(nonce);
    out.unsigned(acked);
  });
}

/**
 * @param {string | null} id
 * @param {Scope} scope
 * @param {string} channel
 * @param {number | null} after The newest of its messages that came before, if any.
 */
export function subscribe(id, scope, channel, after) {
  return frame(0x08, (out) => {
    writeId(out, id);
    writeChannel(out, scope, channel);
    out.option(after, (after) => out.unsigned(after));
  });
}

/**
 * @param {string | null} id
 * @param {Scope} scope
 * @param {string} channel
 */
export function unsubscribe(id, scope, channel) {
  return frame(0x09, (out) => {
    writeId(out, id);
    writeChannel(out, scope, channel);
  });
}

/**
 * @param {string | null} id
 * @param {import("./rooms.js").Address} to
 * @param {import("./rooms.js").Content} content
 */
export function publish(id, to, content) {
  return frame(0x0a, (out) => {
    writeId(out, id);
    writeAddress(out, to);
    writeContent(out, content);
  });
}

/** @param {number} number */
export function ack(number) {
  return frame(0x0b, (out) => out.unsigned(number));
}

/**
 * @param {string | null} id
 * @param {number} message
 * @param {Uint8Array} record
 */
export function tell(id, message, record) {
  return frame(0x0c, (out) => {
    out.opaque(utf8.encode(id ?? ""));
    out.varint(message);
    out.put(record);
  });
}

/**
 * @param {string} id
 * @param {number} request
 * @param {Uint8Array} record
 */
export function request(id, request, record) {
  return frame(0x0d, (out) => {
    out.opaque(utf8.encode(id));
    out.varint(request);
    out.put(record);
  });
}

/**
 * @param {string | null} id
 * @param {import("./rooms.js").Wanted} wanted
 * @param {boolean} live
 */
export function listRooms(id, wanted, live) {
  return frame(0x0e, (out) => {
    writeId(out, id);
    writeWanted(out, wanted);
    out.bool(live);
  });
}

/**
 * @param {Writer} out
 * @param {string | null} id
 */
function writeId(out, id) {
  out.option(id, (id) => writeName(out, "id", id));
}

/**
 * @param {number} kind
 * @param {(out: Writer) => void} write
 */
function frame(kind, write) {
  const body = new Writer();
  write(body);
  const out = new Writer();
  out.u8(kind);
  out.opaque(body.bytes.subarray(0, body.length));
  return out.done();
}
