/**
 * What a server says.
 * @module
 */

import { Reader, readText } from "../bytes.js";
import { readSchema } from "../schema.js";
import { readAddress, readChannel, readContent, readListing, readMember, variant } from "./rooms.js";

const ERROR_CODES = [
  "Invalid", "RateLimited", "RoomNotFound", "RoomFull", "ResumeRefused", "JoinRefused", "NotJoined", "InputRefused", "Busy", "Forbidden",
  "RoomLocked", "Banned", "CreateRefused", "NoChannel", "NoRecipient", "RequestRefused", "TimedOut",
];

/**
 * @typedef {import("./rooms.js").Address} Address
 * @typedef {import("./rooms.js").Member} Member
 * @typedef {{ scope: import("./rooms.js").Scope, channel: string }} Channel
 * @typedef {{ room: string, code: string | null, session: number, seat: number | null, host: number | null, tick: number, tickRate: number,
 *   snapshotEvery: number, inputAhead: number, inputBehind: number, resume: Uint8Array, resumeMs: number, received: number, lost: boolean,
 *   schema: import("../schema.js").Schema }} Welcome
 * @typedef {{ type: "error", code: string, message: string, retryMs: number | null, id: string | null }} ErrorReply
 * @typedef {{ type: "subscribed", id: string | null, members: Member[], count: number } & Channel} Subscribed
 * @typedef {{ type: "unsubscribed", id: string | null } & Channel} Unsubscribed
 * @typedef {{ type: "message", number: number, from: Member | null, content: import("./rooms.js").Content } & Address} Message
 * @typedef {{ type: "reply", number: number, id: string, request: number, record: Uint8Array }} Reply
 * @typedef {{ type: "rooms", id: string | null, whole: boolean, rooms: import("./rooms.js").RoomListing[], gone: string[] }} RoomList
 * @typedef {{ type: "accepted", protocol: number, player: string, heartbeatMs: number }
 *   | { type: "welcome", id: string | null, welcome: Welcome } | { type: "snapshot", body: Uint8Array }
 *   | { type: "event", number: number, tick: number, event: number, record: Uint8Array } | ErrorReply
 *   | { type: "probe", nonce: number } | { type: "probeReply", nonce: number, tick: number, phase: number }
 *   | Subscribed | Unsubscribed | Message | ({ type: "presence", member: Member, here: boolean } & Channel)
 *   | { type: "acked", id: string } | Reply | RoomList | { type: "host", host: number | null }} ServerMessage
 */

/**
 * The messages of one WebSocket message, in order; unknown kinds are skipped.
 * @param {Uint8Array} bytes
 * @returns {Generator<ServerMessage>}
 */
export function* readMessages(bytes) {
  const frames = new Reader(bytes);
  while (frames.left) {
    const kind = frames.u8();
    const body = new Reader(frames.opaque());
    const message = readMessage(kind, body);
    if (!message) continue;
    body.end();
    yield message;
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
      return { type: "accepted", protocol: body.unsigned(), player: body.string(), heartbeatMs: body.unsigned() };
    case 0x42:
      return { type: "welcome", id: readId(body), welcome: readWelcome(body) };
    case 0x43:
      return { type: "snapshot", body: body.take(body.left) };
    case 0x44:
      return { type: "event", number: body.varint(), tick: body.varint(), event: body.varint(), record: body.take(body.left) };
    case 0x45:
      return {
        type: "error",
        code: variant(body, ERROR_CODES),
        message: body.string(),
        retryMs: body.option(() => body.unsigned()),
        id: readId(body),
      };
    case 0x46:
      return { type: "probe", nonce: body.unsigned() };
    case 0x47:
      return { type: "probeReply", nonce: body.unsigned(), tick: body.unsigned(), phase: body.unsigned() };
    case 0x48:
      return {
        type: "subscribed",
        id: readId(body),
        ...readChannel(body),
        members: body.list(() => readMember(body)),
        count: body.unsigned(),
      };
    case 0x49:
      return { type: "unsubscribed", id: readId(body), ...readChannel(body) };
    case 0x4a:
      return {
        type: "message",
        number: body.unsigned(),
        from: body.option(() => readMember(body)),
        ...readAddress(body),
        content: readContent(body),
      };
    case 0x4b:
      return { type: "presence", ...readChannel(body), member: readMember(body), here: body.bool() };
    case 0x4c:
      return { type: "acked", id: body.string() };
    case 0x4d:
      return {
        type: "reply",
        number: body.varint(),
        id: readText(body.opaque()),
        request: body.varint(),
        record: body.take(body.left),
      };
    case 0x4e:
      return {
        type: "rooms",
        id: readId(body),
        whole: body.bool(),
        rooms: body.list(() => readListing(body)),
        gone: body.list(() => body.string()),
      };
    case 0x4f:
      return { type: "host", host: body.option(() => body.unsigned()) };
    default:
      return null;
  }
}

/** @param {Reader} body */
function readId(body) {
  return body.option(() => body.string());
}

/**
 * @param {Reader} body
 * @returns {Welcome}
 */
function readWelcome(body) {
  const welcome = {
    room: body.string(),
    code: body.option(() => body.string()),
    session: body.unsigned(),
    seat: body.option(() => body.unsigned()),
    host: body.option(() => body.unsigned()),
    tick: body.unsigned(),
    tickRate: body.unsigned(),
    snapshotEvery: body.unsigned(),
    inputAhead: body.unsigned(),
    inputBehind: body.unsigned(),
    resume: body.take(16).slice(),
    resumeMs: body.unsigned(),
    received: body.unsigned(),
    lost: body.bool(),
  };
  // The schema's hash is for those who kept the schema.
  body.unsigned();
  return { ...welcome, schema: readSchema(body) };
}
