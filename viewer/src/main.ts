import { h } from "./dom.ts";
import { signIn } from "./sign_in.ts";
import { Viewer } from "./viewer.ts";

const root = document.getElementById("app") ?? document.body.appendChild(h("div", { id: "app" }));

async function run(): Promise<void> {
  const who = await signIn(root);
  new Viewer(root, who, () => location.reload());
}

void run();
