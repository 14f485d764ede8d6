/**
 * What both ends say of rooms, their channels and the people in them.
 * @module
 */

import { Reader, WireError, Writer } from "../bytes.js";

/**
 * @typedef {"room" | "relay"} Scope Where a channel is: in the room, with which it ends, or in the whole relay.
 * @typedef {"player" | "spectator"} Role With a seat, or without: a spectator sees and hears, and plays no part.
 * @typedef {Record<string, string>} Labels At most 16 names and values.
 * @typedef {{ kind?: string | null, labels?: Labels }} Wanted Which rooms: of this kind, or of every one, that have all of these labels.
 * @typedef {{ kind?: string | null, name?: string | null, labels?: Labels, metadata?: string, seats?: number | null,
 *   seed?: number | bigint | null, private?: boolean }} Creation A room to be created; what is left out the relay chooses.
 * @typedef {{ kind?: string | null, labels?: Labels, players: number, rank?: number }} Queueing A wait for a match of so many players.
 * @typedef {{ room: string } | { code: string } | { find: Wanted } | { findOrCreate: Creation } | { create: Creation }
 *   | { queue: Queueing }} Target Where to: a room by name or join code, one that is found or created, or a match.
 * @typedef {{ name: string, kind: string, labels: Labels, metadata: string, players: number, seats: number, spectators: number,
 *   locked: boolean }} RoomListing A room as the lobby shows it.
 * @typedef {{ session: number, seat: number | null, name: string }} Member Someone in a room or channel.
 * @typedef {{ scope: Scope, channel: string, to: null } | { scope: "room", channel: null, to: number[] | "host" }} Address
 *   Whoever hears a channel, these seats of the room, or its host.
 * @typedef {unknown} Content Bytes are a `Uint8Array`; anything else is a value that JSON can say.
 */

/** The channel of a room that everyone in it hears, and that a message goes to if none is named. */
export const DEFAULT_CHANNEL = "main";

// A relay takes no more; what is longer is the caller's mistake, and told here rather than by a connection that ends.
const MAX_NAME = 64;
const MAX_METADATA = 1024;
const MAX_LABELS = 16;
const MAX_CONTENT = 2048;
const MAX_RECIPIENTS = 64;

/** @type {Scope[]} By their number on the wire. */
const SCOPES = ["room", "relay"];

const utf8 = new TextEncoder();

/**
 * A name, code, id or label.
 * @param {Writer} out
 * @param {string} what
 * @param {string} value
 */
export function writeName(out, what, value) {
  out.counted(capped(what, utf8.encode(value), 1, MAX_NAME));
}

/**
 * @param {Writer} out
 * @param {Target} target
 */
export function writeTarget(out, target) {
  if ("room" in target) {
    out.unsigned(0);
    writeName(out, "room", target.room);
  } else if ("code" in target) {
    out.unsigned(1);
    writeName(out, "code", target.code);
  } else if ("find" in target) {
    out.unsigned(2);
    writeWanted(out, target.find);
  } else if ("findOrCreate" in target) {
    out.unsigned(3);
    writeCreation(out, target.findOrCreate);
  } else if ("create" in target) {
    out.unsigned(4);
    writeCreation(out, target.create);
  } else {
    out.unsigned(5);
    writeWanted(out, target.queue);
    out.unsigned(target.queue.players);
    out.signed(target.queue.rank ?? 0);
  }
}

/**
 * @param {Writer} out
 * @param {Wanted} wanted
 */
export function writeWanted(out, { kind, labels }) {
  out.option(kind, (kind) => writeName(out, "kind", kind));
  writeLabels(out, labels);
}

/**
 * @param {Writer} out
 * @param {Creation} creation
 */
function writeCreation(out, { kind, name, labels, metadata = "", seats, seed, private: hidden = false }) {
  out.option(kind, (kind) => writeName(out, "kind", kind));
  out.option(name, (name) => writeName(out, "name", name));
  writeLabels(out, labels);
  out.counted(capped("metadata", utf8.encode(metadata), 0, MAX_METADATA));
  out.option(seats, (seats) => out.unsigned(seats));
  out.option(seed, (seed) => out.unsigned(seed));
  out.bool(hidden);
}

/**
 * @param {Writer} out
 * @param {Labels} [labels]
 */
function writeLabels(out, labels = {}) {
  out.list(capped("labels", Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1)), 0, MAX_LABELS), ([name, value]) => {
    writeName(out, "label", name);
    writeName(out, "label", value);
  });
}

/**
 * @param {Writer} out
 * @param {Scope} scope
 * @param {string} channel
 */
export function writeChannel(out, scope, channel) {
  out.unsigned(SCOPES.indexOf(scope));
  writeName(out, "channel", channel);
}

/**
 * @param {Writer} out
 * @param {Address} address
 */
export function writeAddress(out, { scope, channel, to }) {
  if (to === null) {
    out.unsigned(0);
    writeChannel(out, scope, channel);
  } else if (to === "host") {
    out.unsigned(2);
  } else {
    out.unsigned(1);
    out.list(capped("recipients", to, 0, MAX_RECIPIENTS), (seat) => out.unsigned(seat));
  }
}

/**
 * @param {Writer} out
 * @param {Content} content
 */
export function writeContent(out, content) {
  if (content instanceof Uint8Array) {
    out.unsigned(1);
    return out.counted(capped("content", content, 0, MAX_CONTENT));
  }
  const json = JSON.stringify(content);
  if (json === undefined) throw new TypeError(`JSON has no word for ${String(content)}`);
  out.unsigned(0);
  out.counted(capped("content", utf8.encode(json), 0, MAX_CONTENT));
}

/**
 * @template {{ length: number }} T
 * @param {string} what
 * @param {T} value
 * @param {number} least
 * @param {number} most
 */
function capped(what, value, least, most) {
  if (value.length < least || value.length > most) throw new RangeError(`${what}: ${value.length} is not in ${least}..=${most}`);
  return value;
}

/** @param {Reader} body */
export function readChannel(body) {
  return { scope: variant(body, SCOPES), channel: body.string() };
}

/**
 * @param {Reader} body
 * @returns {Member}
 */
export function readMember(body) {
  return { session: body.unsigned(), seat: body.option(() => body.unsigned()), name: body.string() };
}

/**
 * @param {Reader} body
 * @returns {Address}
 */
export function readAddress(body) {
  switch (body.unsigned()) {
    case 0:
      return { ...readChannel(body), to: null };
    case 1:
      return { scope: "room", channel: null, to: body.list(() => body.unsigned()) };
    case 2:
      return { scope: "room", channel: null, to: "host" };
    default:
      throw new WireError("an address of an unknown kind");
  }
}

/**
 * @param {Reader} body
 * @returns {Content}
 */
export function readContent(body) {
  switch (body.unsigned()) {
    case 0:
      return parse(body.string());
    case 1:
      return body.take(body.unsigned()).slice();
    default:
      throw new WireError("content of an unknown kind");
  }
}

/** @param {string} json */
function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    throw new WireError("the content is not JSON");
  }
}

/**
 * @param {Reader} body
 * @returns {RoomListing}
 */
export function readListing(body) {
  return {
    name: body.string(),
    kind: body.string(),
    labels: Object.fromEntries(body.list(() => [body.string(), body.string()])),
    metadata: body.string(),
    players: body.unsigned(),
    seats: body.unsigned(),
    spectators: body.unsigned(),
    locked: body.bool(),
  };
}

/**
 * @template {string} T
 * @param {Reader} body
 * @param {readonly T[]} variants
 */
export function variant(body, variants) {
  const index = body.unsigned();
  const found = variants[index];
  if (found === undefined) throw new WireError(`variant ${index} is not known`);
  return found;
}
