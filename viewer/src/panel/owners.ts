import { kindOf, written, type Reference, type Whole } from "../api/objects.ts";
import { h } from "../dom.ts";

/** Who made it, and who made that, up to the first that nobody made. */
export function owners(object: Whole, read: (reference: Reference) => Promise<Whole>, open: (what: string) => void): HTMLElement {
  const list = h("ol", { class: "owners" });
  const section = h("section", { hidden: true }, h("h3", {}, "Made by"), list);
  void climb(object, read, open, list).then((any) => (section.hidden = !any));
  return section;
}

async function climb(object: Whole, read: (reference: Reference) => Promise<Whole>, open: (what: string) => void, list: HTMLElement): Promise<boolean> {
  const namespace = object.metadata?.namespace ?? "";
  let below = object;
  // A chain is short; a ring of owners must not be climbed for ever.
  for (let steps = 0; steps < 5; steps++) {
    const owner = below.metadata?.ownerReferences?.find((reference) => reference.controller) ?? below.metadata?.ownerReferences?.[0];
    if (!owner) break;
    const kind = kindOf(owner.kind);
    const reference = { kind: owner.kind, namespace: kind?.namespaced === false ? "" : namespace, name: owner.name };
    const name = `${owner.kind} ${owner.name}`;
    list.append(h("li", {}, kind ? h("button", { class: "plain", onclick: () => open(written(reference)) }, name) : name));
    if (!kind) break;
    try {
      below = await read(reference);
    } catch {
      list.append(h("li", { class: "faint" }, "which is gone, or cannot be read"));
      break;
    }
  }
  return list.childElementCount > 0;
}
