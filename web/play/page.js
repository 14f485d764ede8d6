/**
 * The page's elements, and names among its words.
 * @module
 */

/**
 * The one of this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page lacks #${id}`);
  return found;
}

/** A name that turns nothing around it, whichever way it is written. @param {string} name */
export function isolated(name) {
  const element = document.createElement("bdi");
  element.textContent = name;
  return element;
}
