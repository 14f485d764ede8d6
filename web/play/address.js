/**
 * What the page's address says of where to play: `?room=NAME`, `?code=CODE` of a private room, `?private` for a new one, and `?spectate`.
 * @module
 */

/** @typedef {{ target: import("../tickwire.js").Target, role: import("../tickwire.js").Role }} Destination Where to, and as what. */

/** Bytes of a room's name or code: the wire has no longer ones. */
const LONGEST = 64;

const utf8 = new TextEncoder();

/** @type {Destination} */
export const LOBBY = { target: { room: "lobby" }, role: "player" };

/** Where an address leads. @param {string} search @returns {Destination} */
export function destinationIn(search) {
  const parameters = new URLSearchParams(search);
  const role = parameters.has("spectate") ? "spectator" : "player";
  const [code, room] = ["code", "room"].map((name) => parameters.get(name));
  if (code) return { target: { code }, role };
  if (parameters.has("private")) return { target: newRoom({ private: true }), role };
  return { target: room ? { room } : LOBBY.target, role };
}

/** The address that leads there. @param {Destination} destination */
export function addressOf({ target, role }) {
  const parameters = new URLSearchParams();
  if ("code" in target) parameters.set("code", target.code);
  if ("room" in target && target.room !== "lobby") parameters.set("room", target.room);
  if ("create" in target && target.create.private) parameters.set("private", "");
  if (role === "spectator") parameters.set("spectate", "");
  return `/?${parameters}`.replace(/\?$/, "");
}

/** Whether no room has a name or a code as long as that. @param {Destination} destination */
export function isTooLong({ target }) {
  const { room, code, name } = /** @type {Record<string, string | undefined>} */ ("create" in target ? target.create : target);
  return utf8.encode(room ?? code ?? name ?? "").length > LONGEST;
}

/** A room of the game that this page shows. @param {{ name?: string | null, private: boolean }} wanted */
export function newRoom(wanted) {
  return { create: { kind: "arena", ...wanted } };
}
