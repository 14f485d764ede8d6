/**
 * The panel of rooms in real browsers against a real host: who looks finds rooms, opens them, goes there, watches, and is told what is not to be had.
 * @module
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { Client } from "../../tickwire.js";
import { startHost } from "../host.js";
import { launch } from "./chromium.js";
import { PHONE, line, match, open, picture } from "./player.js";

/** @typedef {import("playwright-core").Page} Page */

/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  host = await startHost("--bots", "2", "--seed", "11", "--player-rooms", "6");
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await host?.stop(), 0, "the host stops in good order");
});

/**
 * A page in the lobby, with the panel open.
 * @param {import("node:test").TestContext} t
 * @param {string} name
 * @param {Parameters<typeof open>[3]} [options]
 */
async function look(t, name, options) {
  const player = await open(t, browser, `${host.url}?name=${name}`, options);
  await match(player.page);
  await player.page.click("#here");
  await row(player.page, "lobby").waitFor();
  return player;
}

/** A room's line. @param {Page} page @param {string} room */
function row(page, room) {
  return page.locator("#list li").filter({ has: page.getByText(room, { exact: true }) });
}

/** Waits until the page shows a match in this room. @param {Page} page @param {string} room */
function inRoom(page, room) {
  return page.waitForFunction(
    (room) => window.tickwire.client.welcome?.room === room && window.tickwire.client.state === "playing" && window.tickwire.ships().length > 0,
    room,
  );
}

/** Begins to look whether the page leaves its room; what is returned tells. @param {Page} page */
async function leaving(page) {
  await page.evaluate(() => {
    const { client } = window.tickwire;
    client.on("state", () => (document.documentElement.dataset.left = ""));
  });
  return () => page.evaluate(() => "left" in document.documentElement.dataset);
}

/**
 * Someone in a room of their own, with one seat.
 * @param {import("node:test").TestContext} t
 * @param {{ name?: string, private?: boolean }} wanted
 */
async function taken(t, wanted) {
  const client = new Client({
    url: host.url.replace(/^http/, "ws"),
    token: "Cid",
    target: { create: { kind: "arena", seats: 1, ...wanted } },
    WebSocket: /** @type {typeof globalThis.WebSocket} */ (/** @type {unknown} */ (WebSocket)),
  });
  t.after(() => client.leave());
  /** @type {import("../../tickwire.js").Welcome} */
  const welcome = await new Promise((resolve) => client.on("welcome", resolve));
  return welcome;
}

test("a room that one opens is seen by others at once, who come in, and go back", async (t) => {
  const [ada, bob] = [await look(t, "Ada"), await look(t, "Bob")];
  await row(ada.page, "lobby").getByText("4 of 1024 seats").waitFor();
  await bob.page.fill("#new-name", "duel at dawn");
  await bob.page.click("#create button");
  await inRoom(bob.page, "duel at dawn");
  assert.equal(bob.page.url(), `${host.url}?room=duel+at+dawn`);
  await row(ada.page, "duel at dawn").getByText("1 of 1024 seats").waitFor();
  await row(ada.page, "lobby").getByText("3 of 1024 seats").waitFor();
  await picture(ada.page, "rooms");
  await row(ada.page, "duel at dawn").getByText("Join").click();
  await inRoom(ada.page, "duel at dawn");
  await bob.page.waitForFunction(() => window.tickwire.ships().length === 2);
  await line(ada.page, "Now in duel at dawn");
  await picture(ada.page, "duel");
  await ada.page.goBack();
  await inRoom(ada.page, "lobby");
  await bob.page.waitForFunction(() => window.tickwire.ships().length === 1);
  await ada.page.goForward();
  await inRoom(ada.page, "duel at dawn");
  await ada.page.reload();
  await match(ada.page);
  await inRoom(ada.page, "duel at dawn");
  assert.deepEqual([...ada.faults, ...bob.faults], []);
});

test("rooms are in the order of their numbers", async (t) => {
  for (const name of ["race-10", "race-9", "race-2"]) await taken(t, { name });
  const { page } = await look(t, "Kit");
  await row(page, "race-10").waitFor();
  const races = (await page.locator("#list b").allTextContents()).filter((name) => name.startsWith("race"));
  assert.deepEqual(races, ["race-2", "race-9", "race-10"]);
});

test("a private room is in no list, and found by its link or its code", async (t) => {
  const [dan, eva] = [await look(t, "Dan"), await look(t, "Eva")];
  await dan.page.check("#new-private");
  await dan.page.click("#create button");
  await line(dan.page, "A private room");
  await dan.page.keyboard.press("r");
  const link = await dan.page.inputValue("#link");
  const code = (await dan.page.textContent("#own-code")) ?? "";
  assert.equal(link, `${host.url}?code=${code}`);
  assert.equal(await dan.page.textContent("#room"), code);
  await row(dan.page, "lobby").waitFor();
  await picture(dan.page, "rooms-private");
  const fay = await open(t, browser, link);
  await match(fay.page);
  await eva.page.fill("#code", code.toLowerCase());
  await eva.page.click("#enter button");
  await line(eva.page, "A private room");
  await dan.page.waitForFunction(() => window.tickwire.ships().length === 3);
  const listed = await eva.page.evaluate(async () => (await window.tickwire.client.listRooms()).map(({ name }) => name));
  assert.equal(listed.includes((await eva.page.evaluate(() => window.tickwire.client.welcome?.room)) ?? ""), false);
  assert.deepEqual([...dan.faults, ...eva.faults, ...fay.faults], []);
});

test("a full room says so, and may be watched", async (t) => {
  await taken(t, { name: "tiny" });
  const { page, faults } = await look(t, "Gus", { viewport: PHONE, hasTouch: true });
  await row(page, "tiny").getByText("1 of 1 seats").waitFor();
  assert.equal(await row(page, "tiny").getByText("Full").isDisabled(), true);
  await picture(page, "rooms-phone");
  await row(page, "tiny").getByText("Watch", { exact: true }).tap();
  await inRoom(page, "tiny");
  assert.equal(await page.evaluate(() => window.tickwire.client.seat), null);
  await page.tap("#here");
  await row(page, "tiny").getByText("1 of 1 seats · 1 watching").waitFor();
  assert.equal(await row(page, "tiny").getByText("Watching", { exact: true }).isDisabled(), true);
  assert.deepEqual(faults, []);
});

describe("who is not let in", () => {
  test("is told why, and keeps the ship", async (t) => {
    const { code } = await taken(t, { private: true });
    const { page } = await look(t, "Ωmega");
    const left = await leaving(page);
    for (const [wanted, trouble] of [
      [code ?? "", "all 1 seats are taken"],
      ["NOPE", "there is no such room"],
      ["X".repeat(65), "no room has a name or a code as long as that"],
    ]) {
      await page.fill("#code", wanted);
      await page.click("#enter button");
      await page.getByText(`Not let in: ${trouble}.`, { exact: true }).waitFor();
    }
    await picture(page, "rooms-refused");
    assert.equal(await left(), false);
    assert.equal(page.url(), `${host.url}?name=${encodeURI("Ωmega")}`);
  });

  test("by a room that is gone when one goes back to it stays, and the address with it", async (t) => {
    const { page } = await look(t, "Lea");
    await page.evaluate(() => {
      history.replaceState(null, "", "/?code=GONE");
      history.pushState(null, "", "/");
    });
    const left = await leaving(page);
    await page.goBack();
    await page.getByText("Not let in: there is no such room.", { exact: true }).waitFor();
    assert.equal(await left(), false);
    assert.equal(page.url(), host.url);
  });

  test("is where they are already", async (t) => {
    const { page } = await look(t, "Max");
    await page.check("#new-private");
    await page.click("#create button");
    await line(page, "A private room");
    await page.keyboard.press("r");
    const left = await leaving(page);
    await page.fill("#code", (await page.textContent("#own-code")) ?? "");
    await page.click("#enter button");
    await page.getByText("Not let in: you are there already.").waitFor();
    assert.equal(await left(), false);
  });

  test("to watch is back in the room before", async (t) => {
    const blind = await startHost("--bots", "1", "--rooms", "2", "--spectators", "0");
    t.after(() => blind.stop());
    const { page } = await open(t, browser, `${blind.url}?name=Nan`);
    await match(page);
    await page.click("#here");
    await row(page, "lobby-2").getByText("Watch", { exact: true }).click();
    const trouble = page.getByText("Not let in: 0 may watch, and do. You are back where you were.");
    await trouble.waitFor();
    await inRoom(page, "lobby");
    assert.equal(await trouble.isVisible(), true);
    assert.notEqual(await page.evaluate(() => window.tickwire.client.seat), null);
  });

  test("is told that a name is too long, or taken", async (t) => {
    const { page } = await look(t, "Ida");
    const left = await leaving(page);
    await page.fill("#new-name", "x".repeat(65));
    await page.click("#create button");
    await page.getByText("No room was made: no room has a name or a code as long as that.").waitFor();
    await page.fill("#new-name", "lobby");
    await page.click("#create button");
    await page.getByText("No room was made: a room named `lobby` is open.", { exact: true }).waitFor();
    assert.equal(await left(), false);
    await page.goto(`${host.url}?room=${"x".repeat(65)}`);
    await page.getByText("Not let in: no room has a name or a code as long as that.").waitFor();
    await page.getByText("To the lobby").click();
    await inRoom(page, "lobby");
  });

  test("is told that the host opens no rooms for players", async (t) => {
    const strict = await startHost("--bots", "1", "--player-rooms", "0");
    t.after(() => strict.stop());
    const { page } = await open(t, browser, strict.url, { viewport: PHONE, hasTouch: true });
    await match(page);
    await page.tap("#here");
    await page.tap("#create button");
    await page.getByText("No room was made: as many rooms are open as may be: 1.", { exact: true }).waitFor();
    await inRoom(page, "lobby");
    await picture(page, "rooms-refused-phone");
  });
});

test("keys are enough: R opens, Tab and Enter choose, Escape closes, and what is typed does not fly", async (t) => {
  const { page } = await open(t, browser, `${host.url}?name=Jim`);
  await match(page);
  await page.keyboard.press("r");
  await row(page, "lobby").waitFor();
  await page.evaluate(() => {
    const { client } = window.tickwire;
    const send = client.send.bind(client);
    client.send = (input) => {
      if (input.x || input.y || input.fire || input.boost) document.title = "flying";
      return send(input);
    };
  });
  await page.focus("#new-name");
  await page.keyboard.type("wasd");
  await page.keyboard.down("KeyD");
  await page.waitForTimeout(300);
  await page.keyboard.up("KeyD");
  assert.equal(await page.inputValue("#new-name"), "wasdd");
  assert.notEqual(await page.title(), "flying");
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#rooms").isVisible(), false);
  await page.click("#here");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#line").isVisible(), true, "the next Enter is for the chat");
  await page.keyboard.press("Escape");
  await page.keyboard.press("r");
  await row(page, "lobby").getByText("Watch", { exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => window.tickwire.client.state === "playing" && window.tickwire.client.seat === null);
  assert.equal(page.url(), `${host.url}?spectate=`);
});
