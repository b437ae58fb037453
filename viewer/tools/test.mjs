// Bundles the unit tests and runs them; with --e2e also those in a browser against a real cluster.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A browser drops its connections whenever an address of the machine comes or goes, as those of Docker's networks do.
 * Where that is allowed, tests run in a network of their own, which is a loopback interface and nothing else.
 */
function isolated(command) {
  const inside = ["--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const can = spawnSync("unshare", [...inside, "true"], { stdio: "ignore" }).status === 0;
  return can ? ["unshare", [...inside, ...command]] : [command[0], command.slice(1)];
}

const root = fileURLToPath(new URL("..", import.meta.url));
const out = mkdtempSync(join(tmpdir(), "timonier-viewer-"));
try {
  const units = readdirSync(join(root, "test/unit")).filter((name) => name.endsWith(".test.ts"));
  await build({ entryPoints: units.map((name) => join(root, "test/unit", name)), bundle: true, platform: "node", format: "esm",
    outdir: out, outExtension: { ".js": ".mjs" }, logLevel: "warning" });
  const files = units.map((name) => join(out, name.replace(".ts", ".mjs")));
  if (process.argv.includes("--e2e")) files.push(join(root, "test/e2e/viewer.test.mjs"));
  const { status } = spawnSync(...isolated([process.execPath, "--test", ...files]), { stdio: "inherit", cwd: root });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
