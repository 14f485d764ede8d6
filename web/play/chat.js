/**
 * What players say to each other: a few lines that fade, and one to write in. Enter opens it, and sends; Escape closes it.
 * @module
 */

import { element } from "./page.js";

/** Lines that are kept, and of them those that say who came and went. */
const KEPT = 40;
const NOTES = 3;

/** Milliseconds until a line fades. */
const FRESH = 12_000;

/** Characters of a line. */
const LONGEST = 200;

export class Chat {
  /** Where buttons beside the line go. */
  buttons = element("taunts", HTMLElement);

  #box = element("chat", HTMLElement);
  #lines = element("lines", HTMLOListElement);
  #form = element("say", HTMLFormElement);
  #line = element("line", HTMLInputElement);
  #ends;

  /** @param {{ say: (text: string) => Promise<unknown>, opened: () => void }} ends */
  constructor(ends) {
    this.#ends = ends;
    addEventListener("keydown", (event) => {
      // Enter on a button presses it.
      if (event.key !== "Enter" || event.repeat || event.target instanceof HTMLButtonElement) return;
      event.preventDefault();
      this.#open();
    });
    const button = element("talk", HTMLButtonElement);
    // A press must not take the focus from what is being written.
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", () => (this.#form.hidden ? this.#open() : this.#submit()));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.buttons.addEventListener("click", () => this.#close());
    this.#line.addEventListener("blur", () => this.#close());
    for (const type of /** @type {const} */ (["keydown", "keyup"])) {
      this.#line.addEventListener(type, (event) => {
        // What is typed is not for the ship.
        event.stopPropagation();
        if (type === "keydown" && event.key === "Escape" && !event.isComposing) this.#close();
      });
    }
  }

  /**
   * Someone says something.
   * @param {{ name: string, hue: number | null, own: boolean }} who
   * @param {string} text
   */
  line({ name, hue, own }, text) {
    const who = document.createElement("b");
    who.textContent = name;
    if (own || hue !== null) who.style.color = own ? "#fff" : `hsl(${hue} 90% 72%)`;
    const what = document.createElement("span");
    what.textContent = [...text].slice(0, LONGEST).join("");
    this.#add("", who, what);
  }

  /** Something happened. @param {(string | HTMLElement)[]} words */
  note(...words) {
    const notes = this.#lines.querySelectorAll(".note");
    if (notes.length >= NOTES) notes[0].remove();
    const what = document.createElement("span");
    what.append(...words);
    this.#add("note", what);
  }

  /** Forgets what was said. */
  clear() {
    this.#lines.replaceChildren();
  }

  /**
   * @param {string} name
   * @param {HTMLElement[]} parts
   */
  #add(name, ...parts) {
    const line = document.createElement("li");
    line.className = name;
    line.append(...parts);
    this.#lines.append(line);
    while (this.#lines.childElementCount > KEPT) this.#lines.firstElementChild?.remove();
    setTimeout(() => line.classList.add("old"), FRESH);
  }

  #open() {
    this.#form.hidden = false;
    this.#box.classList.add("open");
    this.#line.focus();
    this.#ends.opened();
  }

  #close() {
    this.#form.hidden = true;
    this.#box.classList.remove("open");
    this.#line.blur();
  }

  #submit() {
    const text = this.#line.value.trim();
    this.#line.value = "";
    this.#close();
    if (text) this.#ends.say(text).catch(({ message }) => this.note(`Not said: ${message}.`));
  }
}
