/** What the page shows of itself. */
interface Window {
  tickwire: { client: import("../../tickwire.js").Client; ships: () => import("../../play/scene.js").Ship[] };
}
