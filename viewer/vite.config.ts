import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Writes each text file of the build as .br and .gz beside it: the server sends what a client takes. */
function compressed(): Plugin {
  let out = "dist";
  return {
    name: "compressed",
    apply: "build",
    configResolved({ build }) {
      out = build.outDir;
    },
    closeBundle() {
      const files = readdirSync(out, { recursive: true, encoding: "utf8" });
      for (const file of files.filter((name) => /\.(html|js|css|svg)$/.test(name))) {
        const bytes = readFileSync(`${out}/${file}`);
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
        writeFileSync(`${out}/${file}.br`, brotliCompressSync(bytes, quality));
        writeFileSync(`${out}/${file}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

/** `TIMONIER_SERVER=https://127.0.0.1:6443 npm run dev` works on the page against a running cluster. */
const server = process.env["TIMONIER_SERVER"] ?? "https://127.0.0.1:6443";
const proxied = { target: server, secure: false, ws: false };

export default defineConfig({
  base: "/ui/",
  // The policy of the page allows no inlined data but pictures.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  worker: { format: "es" },
  server: { proxy: { "/ui/whoami": proxied, "/api": proxied, "/apis": proxied, "/timonier": proxied, "/openapi": proxied, "/version": proxied } },
  plugins: [compressed()],
});
