/**
 * The page of a host that lets in only who has a token.
 * @module
 */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run, startHost } from "../host.js";
import { launch } from "./chromium.js";
import { PHONE, line, match, open, picture } from "./player.js";

/** @type {string} */
let directory;
/** @type {string} */
let key;
/** @type {Awaited<ReturnType<typeof startHost>>} */
let host;
/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "tickwire-"));
  key = join(directory, "players.key");
  run("key", key);
  host = await startHost("--bots", "0", "--auth-key", key);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  assert.equal(await host?.stop(), 0, "the host stops in good order");
  await rm(directory, { recursive: true });
});

test("a token behind the # lets in, again after a reload, and does not stay in the address", async (t) => {
  const { page } = await open(t, browser, `${host.url}?room=lobby#token=${mint("Ada")}`);
  const playing = () => page.waitForFunction(() => window.tickwire?.client.state === "playing" && window.tickwire.ships().some((ship) => ship.own));
  await playing();
  assert.equal(page.url(), `${host.url}?room=lobby`);
  await page.reload();
  await playing();
  assert.deepEqual(await page.evaluate(() => window.tickwire.ships().map((ship) => ship.name)), ["Ada"]);
});

test("who has none is told that it takes an invitation, and comes in by one in the same tab", async (t) => {
  const { page } = await open(t, browser, host.url, { viewport: PHONE });
  await page.getByText("You need an invitation to play here: a link with a token.").waitFor();
  await picture(page, "invitation");
  await page.goto(`${host.url}#token=${mint("Bob")}`);
  await match(page);
  await page.waitForFunction(() => window.tickwire.ships().find((ship) => ship.own)?.name === "Bob");
});

test("one that is no good is told as such", async (t) => {
  const { page } = await open(t, browser, `${host.url}#token=nonsense`);
  await page.getByText("Your invitation does not let you in: the token was refused.").waitFor();
});

test("one for single use opens a session, which goes from room to room and comes back", async (t) => {
  const { page } = await open(t, browser, `${host.url}#token=${mint("Cid", "--once")}`);
  await match(page);
  await page.keyboard.press("r");
  await page.fill("#new-name", "annex");
  await page.click("#create button");
  await line(page, "Now in annex");
  await page.keyboard.press("r");
  await page.fill("#code", "NOPE");
  await page.click("#enter button");
  await page.getByText("Not let in: there is no such room. You are back where you were.").waitFor();
  await page.waitForFunction(() => window.tickwire.client.welcome?.room === "annex" && window.tickwire.client.state === "playing");
});

test("a room's name that would turn the writing around it is refused", async (t) => {
  const { page } = await open(t, browser, `${host.url}#token=${mint("Dot")}`, { viewport: PHONE, hasTouch: true });
  await match(page);
  await page.tap("#here");
  await page.fill("#new-name", "\u202Eden");
  await page.tap("#create button");
  await page.getByText("No room was made: name has characters that are not shown, or that turn the text around them.").waitFor();
  await picture(page, "turned");
});

/** A token of a player of this name. @param {string} name @param {string[]} flags */
function mint(name, ...flags) {
  return run("token", "--key", key, "--player", name, "--name", name, ...flags).trim();
}
