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

test("a token behind the # lets in, again after a reload, and does not stay in the address", async () => {
  const page = await (await browser.newContext()).newPage();
  const token = run("token", "--key", key, "--player", "ada", "--name", "Ada").trim();
  await page.goto(`${host.url}?room=lobby#token=${token}`);
  const playing = () => page.waitForFunction(() => window.tickwire?.client.state === "playing" && window.tickwire.ships().some((ship) => ship.own));
  await playing();
  assert.equal(page.url(), `${host.url}?room=lobby`);
  await page.reload();
  await playing();
  assert.deepEqual(await page.evaluate(() => window.tickwire.ships().map((ship) => ship.name)), ["Ada"]);
});

test("who has none is told", async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(host.url);
  await page.getByText("the token was refused").waitFor();
});
