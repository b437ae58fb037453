import { h } from "../dom.ts";
import type { Plan } from "./plans.ts";

/** Says what will happen and how to do the same with kctl, then does it when the person says so. */
export function ask(plan: Plan, title: string, act: (number: number) => Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const words = h("ul", { class: "words", "aria-live": "polite" });
    const command = h("code", {});
    const trouble = h("p", { class: "trouble", role: "alert" });
    const field = plan.number ? h("input", { type: "number", id: "number", min: "0", step: "1", value: String(plan.number.value) }) : null;
    const number = (): number => Math.max(0, Math.trunc(Number(field?.value ?? 0)) || 0);
    const show = (): void => {
      words.replaceChildren(...plan.words(number()).map((text) => h("li", {}, text)));
      command.textContent = plan.command(number());
    };
    const copy = h("button", { type: "button", onclick: () => void navigator.clipboard.writeText(plan.command(number())).then(() => (copy.textContent = "Copied")) }, "Copy");
    const confirm = h("button", { type: "submit", class: plan.dangerous ? "danger" : "primary" }, plan.verb);
    const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
    const submit = async (event: SubmitEvent): Promise<void> => {
      event.preventDefault();
      confirm.disabled = true;
      try {
        await act(number());
        dialog.close();
      } catch (error) {
        trouble.textContent = error instanceof Error ? error.message : String(error);
        confirm.disabled = false;
      }
    };
    const dialog = h("dialog", { "aria-labelledby": "deed" },
      h("form", { onsubmit: (event: SubmitEvent) => void submit(event) },
        h("h2", { id: "deed" }, title),
        field ? h("label", { for: "number" }, plan.number?.label ?? "", " ", field) : null,
        h("h3", {}, "What will happen"), words,
        h("h3", {}, "The same with kctl"), h("div", { class: "command" }, command, copy),
        trouble, h("div", { class: "row" }, confirm, cancel)));
    field?.addEventListener("input", show);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve();
    });
    show();
    document.body.append(dialog);
    dialog.showModal();
    // What ends something is not under the finger that opened this.
    (plan.dangerous ? cancel : (field ?? confirm)).focus();
  });
}
