/**
 * What waits for its answer by an id: messages until they are acknowledged, requests until they are replied to, both over lost connections.
 * @module
 */

import { Refusal, closed, promise } from "./answers.js";

/** Unanswered at once. All of them are sent again after a reconnection, and must fit into what a relay takes in a burst (30 by default). */
const MOST = 20;

/**
 * @typedef {import("../messages/rooms.js").Scope} Scope
 * @typedef {object} Errand
 * @property {Scope} scope Where it leads: what leads into a room is bound to the seat there.
 * @property {(id: string) => Uint8Array} write
 * @property {boolean} sent
 * @property {(value: any) => void} resolve
 * @property {(error: unknown) => void} reject
 */

export class Errands {
  /** @type {Map<string, Errand>} By id, in the order of sending. */
  #waiting = new Map();
  /** @type {Set<Scope>} Where messages may go right now. */
  #open = new Set();
  #closed = false;
  #send;
  #nextId;

  /**
   * @param {(bytes: Uint8Array) => void} send
   * @param {() => string} nextId
   */
  constructor(send, nextId) {
    this.#send = send;
    this.#nextId = nextId;
  }

  /**
   * Sends a message as soon as its way is open, and until it is answered.
   * @param {Scope} scope
   * @param {(id: string) => Uint8Array} write Called before every sending; what it throws is the answer.
   * @returns {Promise<any>}
   */
  run(scope, write) {
    const { promise: answer, ...ends } = promise();
    const id = this.#nextId();
    if (this.#closed) ends.reject(closed());
    else if (this.#waiting.size === MOST) ends.reject(new Refusal("TooMany", `${MOST} messages are without an answer`));
    else {
      this.#waiting.set(id, { scope, write, sent: false, ...ends });
      if (this.#open.has(scope)) this.#dispatch(id);
    }
    return answer;
  }

  /** The way is open: sends what waits. @param {Scope} scope */
  open(scope) {
    this.#open.add(scope);
    for (const [id, errand] of this.#waiting) if (errand.scope === scope) this.#dispatch(id);
  }

  /** The connection is gone. */
  shut() {
    this.#open.clear();
  }

  /** The seat is gone, and with it what was sent from it. */
  leave() {
    this.#open.delete("room");
    for (const [id, { scope, sent }] of this.#waiting) {
      if (scope === "room" && sent) this.#refuse(id, new Refusal("Lost", "nobody knows whether the message arrived: the seat is gone"));
    }
  }

  /** Nothing will be answered any more. */
  close() {
    this.#closed = true;
    for (const id of [...this.#waiting.keys()]) this.#refuse(id, closed());
  }

  /**
   * @param {string} id
   * @param {unknown} value
   */
  answered(id, value) {
    this.#waiting.get(id)?.resolve(value);
    this.#waiting.delete(id);
  }

  /**
   * Whether it was one of these that was refused.
   * @param {import("../messages/server.js").ErrorReply} error
   */
  refused({ code, message, retryMs, id }) {
    return id !== null && this.#refuse(id, new Refusal(code, message, retryMs));
  }

  /** @param {string} id */
  #dispatch(id) {
    const errand = /** @type {Errand} */ (this.#waiting.get(id));
    try {
      this.#send(errand.write(id));
      errand.sent = true;
    } catch (error) {
      this.#refuse(id, error);
    }
  }

  /**
   * @param {string} id
   * @param {unknown} error
   */
  #refuse(id, error) {
    this.#waiting.get(id)?.reject(error);
    return this.#waiting.delete(id);
  }
}
