// Writes src/api/types.ts from the OpenAPI that a running server serves.
// usage: TIMONIER_SERVER=https://127.0.0.1:6443 TIMONIER_TOKEN=… node tools/types.mjs
import { writeFileSync } from "node:fs";
import { request } from "node:https";

const server = process.env.TIMONIER_SERVER ?? "https://127.0.0.1:6443";
const token = process.env.TIMONIER_TOKEN;

/** Group-versions and the kinds that the viewer reads or sends, with all that they contain. */
const ROOTS = {
  "api/v1": ["Pod", "Node", "Event"],
  "apis/apps/v1": ["Deployment", "ReplicaSet"],
  "apis/authorization.k8s.io/v1": ["SelfSubjectAccessReview"],
};

function get(path) {
  return new Promise((resolve, reject) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    request(new URL(path, server), { headers, rejectUnauthorized: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () => {
        if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode} ${body}`));
        else resolve(JSON.parse(body));
      });
    }).on("error", reject).end();
  });
}

const short = (reference) => reference.split("/").pop().split(".").pop();
const written = new Map();

function type(schema, schemas) {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (reference) return declare(reference.split("/").pop(), schemas);
  if (schema.oneOf || schema["x-kubernetes-int-or-string"] || schema.format === "int-or-string") return "number | string";
  switch (schema.type) {
    case "string": return "string";
    case "integer": case "number": return "number";
    case "boolean": return "boolean";
    case "array": return `Array<${type(schema.items ?? {}, schemas)}>`;
    case "object":
      if (schema.additionalProperties) return `Record<string, ${type(schema.additionalProperties, schemas)}>`;
      return "Record<string, unknown>";
    default: return "unknown";
  }
}

/** The name of a schema's type; the type itself is written on the way. */
function declare(name, schemas) {
  const schema = schemas[name];
  if (!schema.properties) return name.endsWith("IntOrString") ? "number | string" : type(schema, schemas);
  const own = short(name);
  if (written.has(own)) return own;
  written.set(own, "");
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(([field, inner]) =>
    `  ${/^[\w$]+$/.test(field) ? field : JSON.stringify(field)}${required.has(field) ? "" : "?"}: ${type(inner, schemas)};`);
  written.set(own, `export interface ${own} {\n${fields.join("\n")}\n}\n`);
  return own;
}

const index = await get("/openapi/v3");
for (const [path, kinds] of Object.entries(ROOTS)) {
  const { components } = await get(index.paths[path].serverRelativeURL);
  for (const kind of kinds) {
    const name = Object.keys(components.schemas).find((name) => short(name) === kind);
    if (!name) throw new Error(`${path} has no ${kind}`);
    declare(name, components.schemas);
  }
}
const head = "// Written by tools/types.mjs from the OpenAPI of a running server. Not changed by hand.\n\n";
const types = [...written].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
writeFileSync(new URL("../src/api/types.ts", import.meta.url), head + types.join("\n"));
console.log(`${types.length} types`);
