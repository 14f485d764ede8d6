/**
 * What the player says: to others, and to the game by the names of its schema.
 * @module
 */

import * as messages from "../messages.js";
import { named, writeRecord } from "../schema.js";

/** @typedef {import("../messages/rooms.js").Scope} Scope */

export class Talk {
  #errands;
  #match;

  /**
   * @param {import("./errands.js").Errands} errands
   * @param {import("./match.js").Match} match Whose schema it is.
   */
  constructor(errands, match) {
    this.#errands = errands;
    this.#match = match;
  }

  /**
   * @param {unknown} content
   * @param {{ channel?: string, scope?: Scope, to?: number[] | "host" }} options
   * @returns {Promise<void>}
   */
  publish(content, { channel = messages.DEFAULT_CHANNEL, scope = "room", to }) {
    if (to === undefined) return this.#errands.run(scope, (id) => messages.publish(id, { scope, channel, to: null }, content));
    return this.#errands.run("room", (id) => messages.publish(id, { scope: "room", channel: null, to }, content));
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} fields
   * @returns {Promise<void>}
   */
  tell(name, fields) {
    return this.#errands.run("room", (id) => {
      const { index, found } = named("message", this.#match.replica.schema.messages, name, (shape) => shape);
      return messages.tell(id, index, writeRecord(found, fields));
    });
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} fields
   * @returns {Promise<Record<string, import("../schema.js").Value>>}
   */
  request(name, fields) {
    return this.#errands.run("room", (id) => {
      const { index, found } = named("request", this.#match.replica.schema.requests, name, ({ request }) => request);
      return messages.request(id, index, writeRecord(found.request, fields));
    });
  }
}
