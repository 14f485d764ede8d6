/**
 * Keyboard, pointer and thumbs: what the player asks for right now.
 * @module
 */

const KEYS = {
  KeyW: "up", ArrowUp: "up", KeyS: "down", ArrowDown: "down", KeyA: "left", ArrowLeft: "left", KeyD: "right",
  ArrowRight: "right", Space: "fire", ShiftLeft: "boost", ShiftRight: "boost",
};

/** Pixels from where a thumb went down until the stick counts. */
const DEAD = 14;

export class Controls {
  /** The pointer in pixels from the middle of the view. */
  pointer = { x: 120, y: 0 };

  /** @type {Set<string>} */
  #held = new Set();
  #firing = false;
  /** @type {{ id: number, x: number, y: number, dx: number, dy: number } | null} */
  #stick = null;

  /** @param {HTMLElement} view */
  constructor(view) {
    addEventListener("keydown", (event) => this.#key(event, true));
    addEventListener("keyup", (event) => this.#key(event, false));
    addEventListener("blur", () => this.release());
    view.addEventListener("contextmenu", (event) => event.preventDefault());
    view.addEventListener("pointerdown", (event) => this.#down(event));
    view.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
      view.addEventListener(end, (event) => this.#up(event));
    }
  }

  /** The arena's input. */
  input() {
    const axis = (/** @type {string} */ low, /** @type {string} */ high) =>
      Number(this.#held.has(high)) - Number(this.#held.has(low));
    const stick = this.#stick;
    const thumb = (/** @type {number} */ along) => (Math.abs(along) > DEAD ? Math.sign(along) : 0);
    return {
      x: stick ? thumb(stick.dx) : axis("left", "right"),
      y: stick ? thumb(stick.dy) : axis("up", "down"),
      aim: Math.atan2(this.pointer.y, this.pointer.x),
      fire: this.#firing || this.#held.has("fire"),
      boost: this.#held.has("boost") || (stick !== null && Math.hypot(stick.dx, stick.dy) > 70),
    };
  }

  /** Lets go of everything that is held. */
  release() {
    this.#held.clear();
    this.#firing = false;
    this.#stick = null;
  }

  /**
   * @param {KeyboardEvent} event
   * @param {boolean} down
   */
  #key(event, down) {
    const key = KEYS[/** @type {keyof typeof KEYS} */ (event.code)];
    // A shortcut is not for the ship; but a key that was held before is let go with any other.
    if (!key || (down && (event.ctrlKey || event.metaKey || event.altKey))) return;
    event.preventDefault();
    if (down) this.#held.add(key);
    else this.#held.delete(key);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    if (event.pointerType === "touch" && event.clientX < innerWidth / 2) {
      this.#stick = { id: event.pointerId, x: event.clientX, y: event.clientY, dx: 0, dy: 0 };
      return;
    }
    this.#aim(event);
    this.#firing = true;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.#stick?.id === event.pointerId) {
      this.#stick.dx = event.clientX - this.#stick.x;
      this.#stick.dy = event.clientY - this.#stick.y;
    } else {
      this.#aim(event);
    }
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (this.#stick?.id === event.pointerId) this.#stick = null;
    else this.#firing = false;
  }

  /** @param {PointerEvent} event */
  #aim(event) {
    // A thumb aims from the middle of its half, a pointer from the ship.
    const middle = event.pointerType === "touch" ? innerWidth * 0.75 : innerWidth / 2;
    this.pointer = { x: event.clientX - middle, y: event.clientY - innerHeight / 2 };
  }
}
