// Chromium, headless, as tests and pictures use it.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const TYPES = { html: "text/html; charset=utf-8", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

export async function launch() {
  const executablePath = ["chromium", "chromium-browser", "google-chrome"].map((name) => `/usr/bin/${name}`).find((path) => existsSync(path));
  if (!executablePath) throw new Error("there is no Chromium: tools/setup browser installs it");
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A page of its own, with nothing that another one left. */
export async function blank(browser, server, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  if (process.env.TIMONIER_VIEWER_DIST) await context.route("**/ui/**", (route) => fromDisk(route, server));
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return page;
}

let policy;

/** Serves the page's files from TIMONIER_VIEWER_DIST instead of from the server, for who works on the page: under the server's policy. */
async function fromDisk(route, server) {
  const name = new URL(route.request().url()).pathname.slice("/ui/".length) || "index.html";
  const path = `${process.env.TIMONIER_VIEWER_DIST}/${name}`;
  if (!existsSync(path)) return route.fallback();
  policy ??= (await route.fetch({ url: `${server.origin}/ui/` })).headers()["content-security-policy"] ?? "";
  await route.fulfill({ path, headers: { "content-security-policy": policy, "content-type": TYPES[name.split(".").pop()] } });
}
