/**
 * Where the player wants to be, and what takes the client back there after a lost connection.
 * @module
 */

import { join } from "../messages.js";

/** @typedef {import("../messages/rooms.js").Target} Target */
/** @typedef {import("../messages/rooms.js").Role} Role */
/** @typedef {import("../messages/client.js").Resume} Resume */
/** @typedef {import("../messages/server.js").Welcome} Welcome */

export class Destination {
  /** The number of the newest of the room's messages that came. */
  received;

  /** @type {Target | null} */
  #target;
  #role;
  /** @type {Welcome | null} The last one there. */
  #welcome = null;
  /** @type {Uint8Array | null} What takes the seat up again. */
  #token;
  /** @type {string | null} The id of the join that has no answer yet. */
  #asked = null;

  /**
   * @param {Target | null} target None yet.
   * @param {Role} role
   * @param {Resume | null} resume Of an earlier client's seat.
   */
  constructor(target, role, resume) {
    this.#target = target;
    this.#role = role;
    this.#token = resume?.token ?? null;
    this.received = resume?.received ?? 0;
    // What can't be said is told to who asks for it, not when the connection is there.
    this.#write(null);
  }

  /** @returns {Resume | null} */
  get resume() {
    return this.#token && { token: this.#token, received: this.received };
  }

  /** Whether the answer to a join is awaited. */
  get isAwaited() {
    return this.#asked !== null;
  }

  /** Whether that is the answer to the message of this id. @param {string | null} id */
  awaits(id) {
    return id !== null && id === this.#asked;
  }

  /** Asks for the room by this id. Returns the message, or null if there is no room to ask for. @param {string} id */
  ask(id) {
    const message = this.#write(id);
    this.#asked = message && id;
    return message;
  }

  /** @param {string | null} id */
  #write(id) {
    return this.#target && join(id, this.#room() ?? this.#target, this.#role, this.resume);
  }

  /** The room that the client was in. @returns {Target | null} */
  #room() {
    if (!this.#welcome) return null;
    const { room, code } = this.#welcome;
    // A private room is found by its code alone.
    return code === null ? { room } : { code };
  }

  /**
   * The client is in the room: whether in the seat that it had, and whether in the room that it was in.
   * @param {Welcome} welcome
   */
  reach(welcome) {
    const resumed = this.#token !== null;
    // A room that has not yet counted so far is another, of the same name.
    const same = resumed || (this.#welcome?.room === welcome.room && welcome.received >= this.received);
    this.received = resumed ? Math.max(this.received, welcome.received) : welcome.received;
    this.#asked = null;
    this.#welcome = welcome;
    this.#token = welcome.seat === null ? null : welcome.resume;
    return { resumed, same };
  }

  /**
   * The room was refused: whether to ask otherwise at once.
   * @param {string} code
   */
  refuse(code) {
    this.#asked = null;
    if (code === "ResumeRefused" && this.#token) {
      this.#token = null;
      return true;
    }
    if (code !== "RoomNotFound" || !this.#welcome) return false;
    // As at first, for the room is gone.
    this.#welcome = this.#token = null;
    return true;
  }

  /** Whether a message of the room is the newest so far. @param {number} number */
  count(number) {
    const isNew = number > this.received;
    if (isNew) this.received = number;
    return isNew;
  }

  /** The connection is gone. */
  shut() {
    this.#asked = null;
  }
}
