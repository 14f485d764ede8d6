/**
 * Seats that are kept for the player: asked for by HTTP, for a session that asks for another room has left its own.
 * @module
 */

import { Refusal } from "../tickwire.js";

/** @typedef {import("../tickwire.js").Target} Target */

const utf8 = new TextEncoder();

export class Reservations {
  #token;
  /** Whether the token still opens doors: one that has expired or was used is good for the session that it has opened, and for nothing else. */
  #isGood = true;

  /** @param {string} token The player's. */
  constructor(token) {
    this.#token = token;
  }

  /**
   * Asks for a seat where this leads. Returns the room that keeps it, by its name and its code; null if only a join can tell whether there is one.
   * Throws why there is none.
   * @param {Target} target
   * @returns {Promise<{ room: string, code: string | null } | null>}
   */
  async ask(target) {
    if (!this.#isGood) return null;
    // A header is made of bytes, and a name in a token of any letters.
    const headers = { authorization: `Bearer ${String.fromCharCode(...utf8.encode(this.#token))}` };
    const answer = await fetch("/match", { method: "POST", headers, body: JSON.stringify(target) }).catch(() => {
      throw new Refusal("TimedOut", "the host does not answer");
    });
    if (answer.status === 401) this.#isGood = false;
    // Who knows the token could not be asked, or a server around the relay keeps no seats.
    const said = answer.status === 503 ? null : await answer.json().catch(() => null);
    if (!this.#isGood || said === null) return null;
    if (!answer.ok) throw new Refusal(said.code, said.message);
    return said;
  }
}
