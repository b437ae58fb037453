import { ApiError, type Api } from "../api/client.ts";
import type { Reference, Whole } from "../api/objects.ts";
import type { SelfSubjectAccessReview } from "../api/types.ts";
import { h } from "../dom.ts";
import { ask } from "./dialog.ts";
import { plans, type Plan } from "./plans.ts";

/** Buttons that keep their place while the object changes. */
export interface Bar {
  element: HTMLElement;
  show(object: Whole): void;
}

/** What the viewer may do, asked of the server and remembered for a while. */
export class Deeds {
  private readonly answers = new Map<string, Promise<string | null>>();

  /** `pods`: how many belong to an object, or run there. */
  constructor(private readonly api: Api, private readonly pods: (reference: Reference) => number) {}

  /** A button for each thing that can be done to an object; what is not allowed is disabled and says so. */
  bar(reference: Reference, object: Whole): Bar {
    const element = h("div", { class: "deeds", role: "group", "aria-label": "What can be done" });
    let current: Plan[] = [];
    const show = (now: Whole): void => {
      current = plans(reference, now, this.pods(reference));
      current.forEach((plan, index) => {
        const button = element.children[index] ?? element.appendChild(h("button", { onclick: () => void this.act(current[index]!, reference) }));
        button.textContent = `${plan.name}…`;
      });
    };
    show(object);
    current.forEach((plan, index) => {
      const button = element.children[index] as HTMLButtonElement;
      button.disabled = true;
      void this.refusal(plan).then((refusal) => {
        button.disabled = refusal !== null;
        button.title = refusal ?? "";
      });
    });
    return { element, show };
  }

  /** Why it is not allowed; null when it is, or when the server does not say. */
  private refusal({ right }: Plan): Promise<string | null> {
    const key = JSON.stringify(right);
    let answer = this.answers.get(key);
    if (!answer) {
      answer = this.review(right);
      this.answers.set(key, answer);
      setTimeout(() => this.answers.delete(key), 60_000);
    }
    return answer;
  }

  private async review(right: Plan["right"]): Promise<string | null> {
    const group = "authorization.k8s.io/v1";
    const review = { apiVersion: group, kind: "SelfSubjectAccessReview", spec: { resourceAttributes: right } };
    try {
      const { status } = await this.api.send<SelfSubjectAccessReview>("POST", `/apis/${group}/selfsubjectaccessreviews`, review);
      if (status?.allowed) return null;
      return status?.reason || `You may not ${right.verb} ${right.resource}${right.subresource ? `/${right.subresource}` : ""}.`;
    } catch (error) {
      // Who cannot ask may try: the server refuses what is not allowed.
      return error instanceof ApiError && error.code === 401 ? error.message : null;
    }
  }

  private act(plan: Plan, reference: Reference): Promise<void> {
    return ask(plan, `${plan.name} ${reference.kind} ${reference.name}`, async (number) => {
      const { method, path, body, type } = plan.request(number);
      await this.api.send(method, path, body, type);
    });
  }
}
