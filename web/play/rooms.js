/**
 * The panel of rooms: which are open, a new one, one by its code, and what the player is called. R opens it, Escape closes it.
 * @module
 */

import { addressOf, newRoom } from "./address.js";
import { Listing } from "./listing.js";
import { choose, fault, nameIn } from "./name.js";
import { element } from "./page.js";

/** @typedef {import("./address.js").Destination} Destination */

export class Rooms {
  #panel = element("rooms", HTMLDialogElement);
  #trouble = element("trouble", HTMLElement);
  #here = element("here", HTMLElement);
  #client;
  #ends;
  #listing;
  /** @type {import("../messages/rooms.js").RoomListing[]} */
  #rooms = [];
  /** Ends the live list. */
  #unwatch = () => {};
  /** Whether the player is on the way by this panel, which is of no use then. */
  #isLeaving = false;

  /**
   * @param {import("../tickwire.js").Client} client
   * @param {string} token The player's.
   * @param {{ go: (to: Destination) => void, opened: () => void }} ends
   */
  constructor(client, token, ends) {
    this.#client = client;
    this.#ends = ends;
    this.#listing = new Listing(element("list", HTMLElement), (room, role) => this.#go({ target: { room }, role }));
    client.on("rooms", (rooms) => {
      this.#rooms = rooms;
      this.#show();
    });
    client.on("welcome", () => {
      if (this.#isLeaving) this.close();
      this.#show();
    });
    this.#offerPanel();
    this.#offerCreation();
    this.#offerCode();
    this.#offerLink();
    this.#offerName(nameIn(token));
  }

  /** @param {string | null} [trouble] What the player must know first. */
  open(trouble = null) {
    this.#tell(trouble);
    this.#isLeaving = false;
    if (this.#panel.open) return;
    this.#unwatch = this.#client.watchRooms({ kind: "arena" });
    this.#panel.showModal();
    this.#ends.opened();
  }

  close() {
    this.#isLeaving = false;
    this.#panel.close();
  }

  #offerPanel() {
    this.#here.addEventListener("click", () => this.open());
    element("away", HTMLElement).addEventListener("click", () => this.close());
    addEventListener("keydown", ({ code, repeat, ctrlKey, metaKey, altKey }) => {
      if (code === "KeyR" && !repeat && !ctrlKey && !metaKey && !altKey && this.#client.state !== "closed") this.open();
    });
    this.#panel.addEventListener("close", () => {
      this.#unwatch();
      // The next Enter is for the chat.
      this.#here.blur();
    });
    this.#panel.addEventListener("click", ({ target }) => {
      // What is beside the panel is its backdrop.
      if (target === this.#panel) this.close();
    });
    // What is typed is not for the ship.
    for (const type of ["keydown", "keyup"]) this.#panel.addEventListener(type, (event) => event.stopPropagation());
  }

  #offerCreation() {
    const [name, hidden] = ["new-name", "new-private"].map((id) => element(id, HTMLInputElement));
    onSubmit("create", () => {
      this.#go({ target: newRoom({ name: name.value.trim() || null, private: hidden.checked }), role: "player" });
    });
  }

  #offerCode() {
    const code = element("code", HTMLInputElement);
    onSubmit("enter", () => {
      const wanted = code.value.trim().toUpperCase();
      if (!wanted) return this.#tell("Whoever has opened the room knows its code.");
      this.#go({ target: { code: wanted }, role: "player" });
    });
  }

  #offerLink() {
    const [link, copy] = [element("link", HTMLInputElement), element("copy", HTMLButtonElement)];
    copy.addEventListener("click", async () => {
      link.select();
      // Pages without TLS have no clipboard, but what is selected is copied by hand.
      await navigator.clipboard?.writeText(link.value).then(() => (copy.textContent = "Copied"), () => {});
    });
  }

  /** @param {string | null} name None if it is not the player's to choose. */
  #offerName(name) {
    const input = element("name", HTMLInputElement);
    element("naming", HTMLFormElement).hidden = name === null;
    input.value = name ?? "";
    onSubmit("naming", () => {
      const wanted = input.value.trim();
      if (wanted === name) return this.close();
      const wrong = fault(wanted);
      if (wrong !== null) return this.#tell(wrong);
      choose(wanted);
      // Another name is another player, who needs a connection of their own.
      this.#client.leave();
      const parameters = new URLSearchParams(location.search);
      parameters.delete("name");
      location.replace(`/?${parameters}`.replace(/\?$/, ""));
    });
  }

  /** @param {Destination} to */
  #go(to) {
    this.#tell(null);
    this.#isLeaving = true;
    this.#ends.go(to);
  }

  /** @param {string | null} trouble */
  #tell(trouble) {
    this.#trouble.hidden = trouble === null;
    this.#trouble.textContent = trouble;
  }

  #show() {
    const { welcome, seat } = this.#client;
    this.#listing.show(this.#rooms, welcome && { room: welcome.room, role: seat === null ? "spectator" : "player" });
    const code = welcome?.code ?? null;
    element("room", HTMLElement).textContent = code ?? welcome?.room ?? "";
    this.#here.classList.toggle("private", code !== null);
    element("invitation", HTMLElement).hidden = code === null;
    if (code === null) return;
    element("own-code", HTMLElement).textContent = code;
    element("copy", HTMLElement).textContent = "Copy link";
    element("link", HTMLInputElement).value = location.origin + addressOf({ target: { code }, role: "player" });
  }
}

/** @param {string} id @param {() => void} act */
function onSubmit(id, act) {
  element(id, HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
}
