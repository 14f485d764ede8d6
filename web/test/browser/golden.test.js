/**
 * What Rust writes holds in Chromium as it does in Node.
 * @module
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { startHost } from "../host.js";
import { launch } from "./chromium.js";

test("snapshots of every seed", async () => {
  const host = await startHost("--bots", "0");
  const browser = await launch();
  try {
    const page = await browser.newPage();
    // The host serves the client; the check and its vectors are the test's.
    await page.route("**/test/*.js", async (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      const body = await readFile(new URL(`../../${name}`, import.meta.url));
      await route.fulfill({ body, contentType: "text/javascript" });
    });
    await page.route("**/snapshots-*.bin", async (route) => {
      const name = new URL(route.request().url()).pathname.slice(1);
      await route.fulfill({ body: await readFile(new URL(`../../../tests/out/${name}`, import.meta.url)) });
    });
    await page.goto(`${host.url}healthz`);
    for (const seed of [1, 2, 3]) {
      const compared = await page.evaluate(async (seed) => {
        const { checkSnapshots } = await import(String(new URL("/test/golden.js", location.origin)));
        const vectors = await fetch(`/snapshots-${seed}.bin`);
        return checkSnapshots(new Uint8Array(await vectors.arrayBuffer()));
      }, seed);
      assert.ok(compared > 2400, `${compared} compared`);
    }
  } finally {
    await browser.close();
    await host.stop();
  }
});
