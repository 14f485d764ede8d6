/**
 * Who the player is: a token for this tab, and the name in it.
 * @module
 */

const TOKEN = "tickwire token";
const NAME = "tickwire name";

/** Characters of a name. */
const LONGEST = 24;

/** Whose names are taken by who has chosen none. */
const NAMES = ["Comet", "Nova", "Quasar", "Pulsar", "Meteor", "Zenith", "Orbit", "Photon", "Aurora", "Eclipse", "Vortex", "Nebula"];

/**
 * The token that the URL has behind its `#`, which is sent to no server, or else a development token by the name that the address has, or that the
 * player has chosen. It stays the same for this tab, so that a reload keeps the seat.
 */
export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    // Whoever copies the address gives no token away.
    history.replaceState(null, "", location.pathname + location.search);
    return given;
  }
  const kept = sessionStorage.getItem(TOKEN);
  const allowed = new URLSearchParams(location.search).get("name")?.replace(/[^\p{L}\p{N} _-]/gu, "").trim() ?? "";
  const wanted = [...allowed].slice(0, LONGEST).join("").trim();
  if (kept && (!wanted || kept.startsWith(`${wanted}.`))) return kept;
  const chosen = localStorage.getItem(NAME) ?? "";
  const token = `${wanted || (fault(chosen) === null ? chosen : someName())}.${ending()}`;
  sessionStorage.setItem(TOKEN, token);
  return token;
}

/** The name in a token of this page's making; null if the token was given, and with it the name. @param {string} token */
export function nameIn(token) {
  return /^([\p{L}\p{N} _-]+)\.[0-9a-f]{24}$/u.exec(token)?.[1] ?? null;
}

/** What is wrong with a name, or null. @param {string} name */
export function fault(name) {
  const { length } = [...name];
  if (!length) return "A name has one letter at least.";
  if (length > LONGEST) return `That name is too long: ${length} letters, and ${LONGEST} are the most.`;
  return /^[\p{L}\p{N} _-]+$/u.test(name) ? null : "A name is made of letters, digits, spaces, - and _ alone.";
}

/** Chooses a name, for the next token of this tab and for tabs to come. @param {string} name */
export function choose(name) {
  localStorage.setItem(NAME, name);
  sessionStorage.removeItem(TOKEN);
}

function someName() {
  return `${NAMES[Math.floor(Math.random() * NAMES.length)]} ${Math.floor(Math.random() * 90) + 10}`;
}

/** What makes two players of one name two. */
function ending() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
