/**
 * How pilots taunt each other: by a key, or by a button beside the line of chat.
 * @module
 */

/** The arena's gestures, and what they look like. */
export const GESTURES = /** @type {Record<string, string>} */ ({ Laugh: "ha ha!", Wave: "hello!", Bow: "well played!" });

/** Milliseconds between two: a gesture is seen for as long. */
const PAUSE = 2000;

/**
 * Keys from 1 and buttons for them all.
 * @param {HTMLElement} buttons Where these go.
 * @param {(gesture: string) => void} taunt
 */
export function offerTaunts(buttons, taunt) {
  let last = -Infinity;
  const make = (/** @type {string} */ gesture) => {
    if (performance.now() < last + PAUSE) return;
    last = performance.now();
    taunt(gesture);
  };
  Object.entries(GESTURES).forEach(([gesture, text], index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.title = `key ${index + 1}`;
    // A press must not take the focus from what is being written.
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", () => make(gesture));
    buttons.append(button);
    addEventListener("keydown", ({ code, repeat, ctrlKey, metaKey, altKey }) => {
      if (code === `Digit${index + 1}` && !repeat && !ctrlKey && !metaKey && !altKey) make(gesture);
    });
  });
}
