/**
 * The relay's rooms: lists that were asked for, and one that is kept up to date.
 * @module
 */

import { listRooms } from "../messages.js";
import { PATIENCE, closed, promise } from "./answers.js";

/**
 * @typedef {import("../messages/rooms.js").Wanted} Wanted
 * @typedef {import("../messages/rooms.js").RoomListing} RoomListing
 * @typedef {{ wanted: Wanted, live: boolean, resolve: (rooms: RoomListing[]) => void, reject: (error: unknown) => void }} Asking
 */

export class Listings {
  /** @type {Asking[]} One after the other: answers don't say what they answer. */
  #asking = [];
  /** Whether the first is on its way. */
  #sent = false;
  /** Since it is. */
  #beats = 0;
  /** @type {Wanted | null} What is watched. */
  #watched = null;
  /** @type {Map<string, RoomListing>} */
  #rooms = new Map();
  #open = false;
  #closed = false;
  #send;
  #changed;

  /**
   * @param {(bytes: Uint8Array) => void} send
   * @param {(rooms: RoomListing[]) => void} changed Hears the rooms that are watched, whenever they have changed.
   */
  constructor(send, changed) {
    this.#send = send;
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
    this.#ask(own, true);
    return () => {
      if (this.#watched !== own) return;
      this.#watched = null;
      // Any list that is not live ends the one that is.
      this.#ask(own, false);
    };
  }

  /** @param {import("../messages/server.js").RoomList} list */
  take({ whole, rooms, gone }) {
    if (!whole) {
      // What a live list that is about to be replaced has to add is not waited for.
      if (this.#watched && !this.#awaits(this.#watched)) this.#merge(rooms, gone);
      return;
    }
    const asking = this.#asking.shift();
    this.#sent = false;
    if (this.#watched && (!asking || (asking.live && asking.wanted === this.#watched))) {
      this.#rooms.clear();
      this.#merge(rooms, gone);
    }
    asking?.resolve(rooms);
    this.#watch(asking?.live === false);
    this.#next();
  }

  /** The token is good: what has no answer is asked for again. */
  accept() {
    this.#open = true;
    this.#watch(true);
    this.#next();
  }

  /** A second has passed. */
  beat() {
    if (!this.#sent || ++this.#beats < PATIENCE) return;
    this.#sent = false;
    this.#next();
  }

  /** The connection is gone. */
  shut() {
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
    else this.#asking.push({ wanted, live, ...ends });
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

  #next() {
    const [first] = this.#asking;
    if (!this.#open || this.#sent || !first) return;
    try {
      this.#send(listRooms(first.wanted, first.live));
      this.#sent = true;
      this.#beats = 0;
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
