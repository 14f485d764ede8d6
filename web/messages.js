/**
 * The control messages of both ends, and the frames that carry them.
 * @module
 */

import { Reader, WireError, Writer } from "./bytes.js";
import { readSchema } from "./schema.js";

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "tickwire.v1";

const ERROR_CODES = [
  "Invalid", "RateLimited", "RoomNotFound", "RoomFull", "ResumeRefused", "JoinRefused", "NotJoined", "InputRefused", "Busy", "Forbidden",
];

/**
 * @typedef {{ room: string, seat: number, tick: number, tickRate: number, snapshotEvery: number, inputAhead: number,
 *   inputBehind: number, resume: Uint8Array, resumeMs: number, schema: import("./schema.js").Schema }} Welcome
 * @typedef {{ type: "accepted", protocol: number, player: string, heartbeatMs: number }
 *   | { type: "welcome", welcome: Welcome } | { type: "snapshot", body: Uint8Array }
 *   | { type: "event", tick: number, event: number, record: Uint8Array }
 *   | { type: "error", code: string, message: string, retryMs: number | null }
 *   | { type: "probe", nonce: number } | { type: "probeReply", nonce: number, tick: number, phase: number }} ServerMessage
 */

/** @param {string} token */
export function auth(token) {
  return frame(0x01, (out) => {
    out.unsigned(PROTOCOL_VERSION);
    out.string(token);
  });
}

/**
 * @param {string} room
 * @param {Uint8Array | null} resume
 */
export function join(room, resume) {
  return frame(0x02, (out) => {
    out.string(room);
    out.u8(resume ? 1 : 0);
    if (resume) out.put(resume);
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
    out.u8(base === null ? 0 : 1);
    if (base !== null) out.unsigned(base);
    out.u8(desync ? 1 : 0);
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
 * The messages of one WebSocket message, in order; unknown kinds are skipped.
 * @param {Uint8Array} bytes
 * @returns {Generator<ServerMessage>}
 */
export function* readMessages(bytes) {
  const frames = new Reader(bytes);
  while (frames.left) {
    const kind = frames.u8();
    const message = readMessage(kind, new Reader(frames.opaque()));
    if (message) yield message;
  }
}

/**
 * @param {number} kind
 * @param {Reader} body
 * @returns {ServerMessage | null}
 */
function readMessage(kind, body) {
  switch (kind) {
    case 0x41:
      return ended(body, { type: "accepted", protocol: body.unsigned(), player: body.string(), heartbeatMs: body.unsigned() });
    case 0x42:
      return ended(body, { type: "welcome", welcome: readWelcome(body) });
    case 0x43:
      return { type: "snapshot", body: body.take(body.left) };
    case 0x44:
      return { type: "event", tick: body.varint(), event: body.varint(), record: body.take(body.left) };
    case 0x45: {
      const code = ERROR_CODES[body.unsigned()];
      if (!code) throw new WireError("an error of an unknown code");
      return ended(body, { type: "error", code, message: body.string(), retryMs: body.option(() => body.unsigned()) });
    }
    case 0x46:
      return ended(body, { type: "probe", nonce: body.unsigned() });
    case 0x47:
      return ended(body, { type: "probeReply", nonce: body.unsigned(), tick: body.unsigned(), phase: body.unsigned() });
    default:
      return null;
  }
}

/**
 * @param {Reader} body
 * @returns {Welcome}
 */
export function readWelcome(body) {
  const welcome = {
    room: body.string(),
    seat: body.unsigned(),
    tick: body.unsigned(),
    tickRate: body.unsigned(),
    snapshotEvery: body.unsigned(),
    inputAhead: body.unsigned(),
    inputBehind: body.unsigned(),
    resume: body.take(16).slice(),
    resumeMs: body.unsigned(),
  };
  // The schema's hash is for those who kept the schema.
  body.unsigned();
  return { ...welcome, schema: readSchema(body) };
}

/**
 * @template T
 * @param {Reader} body
 * @param {T} message
 */
function ended(body, message) {
  body.end();
  return message;
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
