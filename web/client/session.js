/**
 * The client's side of a conversation with a relay, over one connection after the other: what came goes to the part that it is for, and every part
 * hears when the way to the relay, or into the room, is open or gone.
 * @module
 */

import { auth, leave, probeReply } from "../messages.js";
import { at, readRecord } from "../schema.js";
import { Channels } from "./channels.js";
import { Connection } from "./connection.js";
import { Destination } from "./destination.js";
import { Errands } from "./errands.js";
import { ids } from "./ids.js";
import { Listings } from "./listings.js";
import { Match } from "./match.js";
import { Talk } from "./talk.js";

/** @typedef {import("../messages/server.js").Welcome} Welcome */
/** @typedef {import("../messages/server.js").ServerMessage} ServerMessage */
/** @typedef {"connecting" | "authenticating" | "lobby" | "joining" | "playing" | "waiting" | "closed"} State */

export class Session {
  /** @type {State} */
  state = "connecting";
  /** @type {number | null} The seat of the room's host. */
  host = null;
  match;
  talk;
  channels;
  listings;

  #token;
  #emit;
  #connection;
  #errands;
  #destination;
  #nextId;
  /** Until a room that was refused for now is asked for again. */
  #retry = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);

  /**
   * @param {{ url: string, token: string, WebSocket: typeof globalThis.WebSocket, now: () => number, random: () => number }} options
   * @param {Destination} destination Where to first.
   * @param {(name: string, value: unknown) => void} emit Hears the client's events.
   */
  constructor({ url, token, WebSocket, now, random }, destination, emit) {
    this.#token = token;
    this.#emit = emit;
    this.#destination = destination;
    const send = (/** @type {Uint8Array} */ bytes) => this.#send(bytes);
    this.match = new Match(send, now);
    this.#nextId = ids(random);
    this.#errands = new Errands(send, this.#nextId);
    this.talk = new Talk(this.#errands, this.match);
    this.channels = new Channels(send, this.#nextId);
    this.listings = new Listings(send, this.#nextId, (rooms) => emit("rooms", rooms));
    this.#connection = new Connection({ url, WebSocket, now, random }, {
      connecting: () => this.#enter("connecting"),
      opened: () => this.#opened(),
      heard: (message) => this.#handle(message),
      beat: () => this.#isUp && this.match.beat(),
      lost: (close) => this.#lost(close),
      malformed: (message) => emit("error", { code: "Malformed", message, retryMs: null, ofJoin: false }),
    });
  }

  /** Bytes that came. */
  get bytes() {
    return this.#connection.bytes;
  }

  /** What takes the seat up again. */
  get resume() {
    return this.#destination.resume;
  }

  /** Goes there, out of the room that the client is in. @param {Destination} destination */
  join(destination) {
    clearTimeout(this.#retry);
    this.#giveUp();
    if (this.match.welcome) this.channels.leave();
    this.#errands.leave();
    this.#destination = destination;
    this.host = null;
    this.match.leave();
    if (this.#isUp) this.#ask();
  }

  /** Gives the seat up, or the wait for one, and closes. */
  leave() {
    this.#giveUp();
    this.close();
  }

  /** Closes for good; the seat is held for a while unless the player left. */
  close() {
    this.#connection.close();
    this.#end();
  }

  /** Leaves the room, or ends the wait for one. */
  #giveUp() {
    if (this.#destination.isAwaited || this.state === "playing") this.#send(leave());
  }

  /** Whether the relay has accepted the token and listens. */
  get #isUp() {
    return this.state === "lobby" || this.state === "joining" || this.state === "playing";
  }

  #opened() {
    this.#send(auth(this.#token));
    this.#enter("authenticating");
  }

  /** @param {ServerMessage} message */
  #handle(message) {
    // What a room said before it heard that the client has left is not of the next one.
    if (this.state !== "playing" && isOfRoom(message)) return;
    const { type, id, ...value } = /** @type {{ type: string, id?: unknown }} */ (message);
    switch (message.type) {
      case "accepted":
        return this.#accepted();
      case "welcome":
        // The one of a room that was given up before it came is of no use.
        if (this.#destination.awaits(message.id)) this.#welcomed(message.welcome);
        return;
      case "snapshot":
        if (this.match.snapshot(message.body)) this.#emit("snapshot", { tick: this.match.replica.tick });
        return;
      case "event": {
        const shape = at("event", this.match.replica.schema.events, message.event);
        const value = readRecord(shape, message.record);
        if (this.#destination.count(message.number)) this.#emit("event", { tick: message.tick, name: shape.name, value });
        return;
      }
      case "message": {
        const { received } = this.#destination;
        const isNew = message.channel === null ? message.number > received : this.channels.hear(message, received);
        if (message.scope === "room") this.#destination.count(message.number);
        if (isNew) this.#emit("message", value);
        return;
      }
      case "reply": {
        const { reply } = at("request", this.match.replica.schema.requests, message.request);
        this.#errands.answered(message.id, readRecord(reply, message.record));
        return void this.#destination.count(message.number);
      }
      case "acked":
        return this.#errands.answered(message.id, undefined);
      case "subscribed":
        this.channels.subscribed(message);
        return this.#emit("subscribed", value);
      case "unsubscribed":
        this.channels.unsubscribed(message);
        return this.#emit("unsubscribed", value);
      case "presence":
        return this.#emit("presence", value);
      case "rooms":
        return this.listings.take(message);
      case "host":
        this.host = message.host;
        return this.#emit("host", message.host);
      case "error":
        return this.#refused(message);
      case "probe":
        return this.#send(probeReply(message.nonce, this.match.replica.tick));
      case "probeReply":
        return this.match.clock.take(message, this.state === "playing" && this.match.welcome ? this.match.welcome.tickRate : null);
    }
  }

  #accepted() {
    this.channels.accept();
    this.#errands.open("relay");
    this.listings.accept();
    this.#ask();
  }

  /** Asks for the room, if there is one to ask for. */
  #ask() {
    const join = this.#destination.ask(this.#nextId());
    if (!join) return this.#enter("lobby");
    this.#send(join);
    this.#enter("joining");
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    const { received } = this.#destination;
    const { resumed, same } = this.#destination.reach(welcome);
    this.host = welcome.host;
    this.#connection.reached();
    this.match.enter(welcome, resumed);
    this.channels.enter(resumed, same);
    if (!resumed) this.#errands.leave();
    this.#errands.open("room");
    this.#enter("playing");
    this.#emit("welcome", welcome);
    if (welcome.lost) this.#emit("lost", { received });
  }

  /** @param {import("../messages/server.js").ErrorReply} error */
  #refused(error) {
    const { code, message, retryMs, id } = error;
    if ([this.#errands, this.channels, this.listings].some((part) => part.refused(error))) return;
    const ofJoin = this.#destination.awaits(id);
    if (ofJoin) {
      if (this.#destination.refuse(code)) return this.#ask();
      if (retryMs !== null) this.#retry = setTimeout(() => this.#ask(), retryMs);
    } else if (id !== null) {
      // Nobody waits for it any more.
      return;
    }
    this.#emit("error", { code, message, retryMs, ofJoin });
  }

  /** @param {{ code: number, reason: string, retry: boolean }} close */
  #lost(close) {
    this.#shut();
    if (close.retry) this.#enter("waiting");
    else this.#end();
    this.#emit("close", close);
  }

  /** Nothing is heard or said until the next connection. */
  #shut() {
    clearTimeout(this.#retry);
    for (const part of [this.#destination, this.channels, this.#errands, this.listings, this.match.clock]) part.shut();
  }

  /** Nothing comes any more. */
  #end() {
    this.#shut();
    for (const part of [this.channels, this.#errands, this.listings]) part.close();
    this.#enter("closed");
  }

  /** @param {Uint8Array} bytes */
  #send(bytes) {
    this.#connection.send(bytes);
  }

  /** @param {State} state */
  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.#emit("state", state);
  }
}

/** Whether only who is in a room hears this. @param {ServerMessage} message */
function isOfRoom(message) {
  if ("scope" in message) return message.scope === "room";
  return message.type === "snapshot" || message.type === "event" || message.type === "reply" || message.type === "host";
}
