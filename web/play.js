/**
 * The arena's page: a client, what it draws, and what the player does. The address says [where](./play/address.js), and `?name=NAME` as whom. For tests
 * and the curious, `window.tickwire` holds the client and the ships as they are drawn, and the document's `data-state` the client's state.
 * @module
 */

import { LOBBY, destinationIn } from "./play/address.js";
import { Chat } from "./play/chat.js";
import { Controls } from "./play/controls.js";
import { Effects } from "./play/effects.js";
import { Hud } from "./play/hud.js";
import { Motion } from "./play/motion.js";
import { nameIn, token } from "./play/name.js";
import { element, isolated } from "./play/page.js";
import { Rooms } from "./play/rooms.js";
import { Scene } from "./play/scene.js";
import { GESTURES, offerTaunts } from "./play/taunts.js";
import { Travel } from "./play/travel.js";
import { Client } from "./tickwire.js";

/** Snapshots that are drawn behind the newest, so that there is always one to move towards. */
const DELAY = 1.6;

/** Ticks between snapshots beyond which what is drawn does not fall further behind, and ticks that it falls behind or catches up in a frame. */
const MOST_GAP = 10;
const DRIFT = 0.1;

/** The close code of a token that was refused. */
const UNAUTHORIZED = 4401;

/** Lines of chat that wait for a frame; of more, the last ones. */
const WAITING = 40;

const view = /** @type {HTMLCanvasElement} */ (document.getElementById("view"));
const map = /** @type {HTMLCanvasElement} */ (document.getElementById("map"));
const [scene, effects, motion, hud, controls] = [new Scene(view), new Effects(), new Motion(), new Hud(), new Controls(view)];

const own = token();
const client = new Client({ url: location.origin.replace(/^http/, "ws"), token: own });
const chat = new Chat({ say: (text) => client.publish({ text }), opened: () => controls.release() });
const rooms = new Rooms(client, own, { go: (to) => travel.go(to), opened: () => controls.release() });
const travel = new Travel(client, own, { arrived, refused });
element("fly", HTMLButtonElement).addEventListener("click", () => travel.play());
offerTaunts(chat.buttons, (gesture) => client.seat !== null && void client.tell("Taunt", { gesture }));

/** @type {(() => void)[]} Lines of chat that the next frame shows, which knows the pilots and is seen. */
const lines = [];

/** @type {import("./play/scene.js").Ship[]} */
let ships = [];
let lastFrame = performance.now();
let lastInput = 0;
/** Ticks that are drawn behind the room's. */
let behind = DELAY;

/** @param {number} seat */
function pilot(seat) {
  return ships.find((ship) => ship.seat === seat) ?? { name: "someone", hue: 0 };
}

/** @param {() => void} line */
function soon(line) {
  lines.push(line);
  if (lines.length > WAITING) lines.shift();
}

/** @param {{ session: number } | null} member */
function isOwn(member) {
  return member !== null && member.session === client.welcome?.session;
}

/**
 * The player is in another room.
 * @param {import("./tickwire.js").Welcome} welcome
 * @param {import("./play/address.js").Destination | null} from
 */
function arrived({ room, code, seat }, from) {
  document.documentElement.dataset.role = seat === null ? "spectator" : "player";
  motion.forget();
  // Nobody shall take what was said elsewhere for what is said here, and what was said here comes again.
  lines.length = 0;
  chat.clear();
  hud.forget();
  const way = nameIn(own) === null ? "others come in by it with invitations of their own" : "this page's address lets others in";
  if (code !== null) chat.note(`A private room: its code is ${code}, and ${way}`);
  else if (from) chat.note(seat === null ? "Watching " : "Now in ", isolated(room));
}

/**
 * The player is not let in, and has to know why.
 * @param {import("./play/travel.js").Refused} refused
 */
function refused({ to, code, message, isBack }) {
  const trouble = `${"create" in to.target ? "No room was made" : "Not let in"}: ${message}.`;
  if (isBack) return rooms.open(`${trouble} You are back where you were.`);
  if (client.state === "playing") return rooms.open(trouble);
  if (client.state === "closed") return;
  rooms.close();
  const ways = [{ label: "Try again", act: () => travel.go(to) }];
  if (code === "RoomNotFound" || code === "TooLong") ways[0] = { label: "To the lobby", act: () => travel.go(LOBBY) };
  if (code === "RoomFull" && to.role === "player") ways.push({ label: "Watch", act: () => travel.go({ ...to, role: "spectator" }) });
  hud.notice(trouble, ...ways, { label: "Rooms", act: () => rooms.open() });
}

client.on("state", (state) => {
  document.documentElement.dataset.state = state;
  if (state === "playing") hud.notice(null);
  if (state === "waiting") hud.notice("Connection lost, trying again…");
  if (state === "closed") rooms.close();
});

client.on("close", ({ code, reason, retry }) => {
  if (retry) return;
  const again = { label: "Play again", act: () => location.reload() };
  if (code !== UNAUTHORIZED) hud.notice(`The match is over for you: ${reason}.`, again);
  else if (nameIn(own) === null) hud.notice(`Your invitation does not let you in: ${reason}. Ask for another one.`);
  else hud.notice("You need an invitation to play here: a link with a token. Whoever runs this game can give you one.");
});

// A link with a token was opened in this tab.
addEventListener("hashchange", () => location.reload());

client.on("message", ({ from, content }) => {
  // Anyone may say anything there: what is no line of chat is for somebody else.
  if (typeof content?.text !== "string") return;
  soon(() => {
    const ship = ships.find(({ seat, name }) => seat === from?.seat && name === from.name);
    chat.line({ name: from?.name ?? "the host", hue: ship?.hue ?? null, own: isOwn(from) }, content.text);
  });
});

client.on("presence", ({ channel, scope, member, here }) => {
  if (scope !== "room" || channel !== "main" || isOwn(member)) return;
  soon(() => chat.note(isolated(member.name), here ? " joined" : " left"));
});

client.on("snapshot", () => {
  motion.take(client.replica);
  hud.scores(ships, client.replica);
});

client.on("event", ({ name, value }) => {
  // What nobody sees is not kept for when the page is shown again, nor what was missed in a match that is yet to be shown.
  if (document.hidden || !ships.length) return;
  if (name === "Hit") effects.hit(value.x, value.y, pilot(value.by).hue);
  if (name === "Wreck") {
    const distance = Math.hypot(value.x - scene.camera.x, value.y - scene.camera.y);
    effects.wreck(value.x, value.y, pilot(value.seat).hue, Math.max(0, 1 - distance / 600));
    hud.wrecked(pilot(value.by), pilot(value.seat));
  }
  if (name === "Taunted") effects.say(value.seat, GESTURES[value.gesture] ?? value.gesture);
  if (name === "Pickup") {
    const ship = ships.find(({ seat }) => seat === value.seat);
    if (ship) effects.pickup(ship.x, ship.y, value.kind === "Repair" ? 140 : 48);
  }
});

// A hidden page has no frames, in which inputs are sent: the last one must not be held until it is shown again.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  controls.release();
  client.send(controls.input());
});

/** @param {number} now */
function frame(now) {
  requestAnimationFrame(frame);
  const seconds = Math.min((now - lastFrame) / 1000, 0.1);
  lastFrame = now;
  const wanted = DELAY * Math.min(motion.gap, MOST_GAP);
  behind += Math.min(Math.max(wanted - behind, -DRIFT), DRIFT);
  const tick = client.serverTick() - behind;
  ships = scene.ships(client.replica, motion, tick, client.seat);
  scene.draw(client.replica, motion, tick, ships, effects, controls.pointer, seconds);
  scene.drawMap(map, ships, client.replica);
  if (client.replica.tick) lines.splice(0).forEach((show) => show());
  hud.frame();
  hud.health(client, ships.length);
  const own = ships.find((ship) => ship.own);
  if (client.state === "playing") hud.notice(own?.state === "Wrecked" ? "Wrecked — back in a moment" : null);
  play(now);
}

/** Sends what the player wants, once a tick. @param {number} now */
function play(now) {
  const period = 1000 / (client.welcome?.tickRate ?? 30);
  if (now - lastInput < period - 2) return;
  // Keeps the beat, whatever the screen's.
  lastInput = Math.max(lastInput + period, now - period);
  client.send(controls.input());
}

Object.assign(window, { tickwire: { client, ships: () => ships } });
travel.go(destinationIn(location.search));
requestAnimationFrame(frame);
