/**
 * The relay's rooms: lists that were asked for, and one that is kept up to date.
 * @module
 */

import { listRooms } from "../messages.js";
import { Refusal, closed, promise } from "./answers.js";

/**
 * @typedef {import("../messages/rooms.js").Wanted} Wanted
 * @typedef {import("../messages/rooms.js").RoomListing} RoomListing
 * @typedef {{ id: string, wanted: Wanted, live: boolean, resolve: (rooms: RoomListing[]) => void, reject: (error: unknown) => void }} Asking
 */

export class Listings {
  /** @type {Asking[]} One after the other, for each ends a live one. */
  #asking = [];
  /** Whether the first is on its way. */
  #sent = false;
  /** Until the first is asked for again, after it was refused for now. */
  #retry = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  /** @type {Wanted | null} What is watched. */
  #watched = null;
  /** @type {string | null} The id of the live list of that. */
  #live = null;
  /** @type {Map<string, RoomListing>} */
  #rooms = new Map();
  #open = false;
  #closed = false;
  #send;
  #nextId;
  #changed;

  /**
   * @param {(bytes: Uint8Array) => void} send
   * @param {() => string} nextId
   * @param {(rooms: RoomListing[]) => void} changed Hears the rooms that are watched, whenever they have changed.
   */
  constructor(send, nextId, changed) {
    this.#send = send;
    this.#nextId = nextId;
    this.#changed = changed;
  }

  /** @param {Wanted} wanted */
  list(wanted) {
    return this.#ask(wanted, false);
  }

  /**
   * Watches these rooms and no others. Returns what ends it.
   * @param {Wanted} wanted
   */
  watch(wanted) {
    const own = (this.#watched = { ...wanted });
    this.#live = null;
    this.#ask(own, true);
    return () => {
      if (this.#watched !== own) return;
      this.#watched = this.#live = null;
      // Any list that is not live ends the one that is.
      this.#ask(own, false);
    };
  }

  /** @param {import("../messages/server.js").RoomList} list */
  take({ id, whole, rooms, gone }) {
    if (!whole && id !== null && id === this.#live) return this.#merge(rooms, gone);
    const [first] = this.#asking;
    if (!whole || !first || id !== first.id) return;
    this.#asking.shift();
    this.#sent = false;
    if (first.live && first.wanted === this.#watched) {
      this.#live = id;
      this.#rooms.clear();
      this.#merge(rooms, gone);
    }
    first.resolve(rooms);
    this.#watch(!first.live);
    this.#next();
  }

  /**
   * Whether it is a list that was refused.
   * @param {import("../messages/server.js").ErrorReply} error
   */
  refused({ code, message, retryMs, id }) {
    const [first] = this.#asking;
    if (!first || id !== first.id) return false;
    if (retryMs !== null) this.#retry = setTimeout(() => this.#again(), retryMs);
    else {
      this.#asking.shift();
      first.reject(new Refusal(code, message));
      this.#again();
    }
    return true;
  }

  /** The token is good: what has no answer is asked for again. */
  accept() {
    this.#open = true;
    this.#watch(true);
    this.#next();
  }

  /** The connection is gone. */
  shut() {
    clearTimeout(this.#retry);
    this.#open = this.#sent = false;
  }

  /** Nothing will be answered any more. */
  close() {
    this.#open = false;
    this.#closed = true;
    for (const { reject } of this.#asking.splice(0)) reject(closed());
  }

  /**
   * @param {Wanted} wanted
   * @param {boolean} live
   * @returns {Promise<RoomListing[]>}
   */
  #ask(wanted, live) {
    const { promise: answer, ...ends } = promise();
    if (this.#closed) ends.reject(closed());
    else this.#asking.push({ id: this.#nextId(), wanted, live, ...ends });
    this.#next();
    return answer;
  }

  /** Watches again, if another list or another connection has ended it. @param {boolean} ended */
  #watch(ended) {
    if (ended && this.#watched && !this.#awaits(this.#watched)) this.#ask(this.#watched, true);
  }

  /** Whether a live list of these is yet to come. @param {Wanted} wanted */
  #awaits(wanted) {
    return this.#asking.some((asking) => asking.live && asking.wanted === wanted);
  }

  /**
   * @param {RoomListing[]} rooms
   * @param {string[]} gone
   */
  #merge(rooms, gone) {
    for (const room of rooms) this.#rooms.set(room.name, room);
    for (const name of gone) this.#rooms.delete(name);
    this.#changed([...this.#rooms.values()].sort(byName));
  }

  #again() {
    this.#sent = false;
    this.#next();
  }

  #next() {
    const [first] = this.#asking;
    if (!this.#open || this.#sent || !first) return;
    try {
      this.#send(listRooms(first.id, first.wanted, first.live));
      this.#sent = true;
    } catch (error) {
      first.reject(error);
      this.#asking.shift();
      this.#next();
    }
  }
}

/**
 * @param {RoomListing} one
 * @param {RoomListing} other
 */
function byName(one, other) {
  return one.name < other.name ? -1 : 1;
}
