import { Api, ApiError } from "./api/client.ts";
import { h } from "./dom.ts";

export interface SignedIn {
  token: string | null;
  user: string;
}

/** Who the viewer is: by the one-time code of `kctl ui`, by a client certificate, or by a token that is typed in. */
export async function signIn(root: HTMLElement): Promise<SignedIn> {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  let told = "";
  if (code) {
    // The code is of no more use, and has no business in the history.
    history.replaceState(null, "", location.pathname);
    try {
      const { token } = await new Api(null).send<{ token: string }>("POST", "/timonier/v1/viewer/token", { code });
      return { token, user: await whoAmI(token) };
    } catch {
      told = "That link was used already, or is older than a minute. Run kctl ui again, or sign in with a token.";
    }
  } else {
    const user = await whoAmI(null);
    if (user) return { token: null, user };
  }
  return ask(root, told);
}

/** The name that the server knows us by. */
async function whoAmI(token: string | null): Promise<string> {
  const { user } = await new Api(token).get<{ user: string | null }>("/ui/whoami");
  return user ?? "";
}

function ask(root: HTMLElement, told: string): Promise<SignedIn> {
  return new Promise((resolve) => {
    const token = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true });
    const message = h("p", { class: "trouble", role: "alert" }, told);
    const button = h("button", { type: "submit", class: "primary" }, "Sign in");
    const submit = async (event: SubmitEvent): Promise<void> => {
      event.preventDefault();
      button.disabled = true;
      message.textContent = "";
      try {
        const value = token.value.trim();
        resolve({ token: value, user: await whoAmI(value) });
      } catch (error) {
        const known = error instanceof ApiError;
        message.textContent = known && error.code === 401 ? "The server does not know this token." : `It did not work: ${String(error)}`;
        button.disabled = false;
        token.focus();
      }
    };
    const form = h("form", { onsubmit: (event: SubmitEvent) => void submit(event) },
      h("label", { for: "token" }, "Token"), token, message, button);
    root.replaceChildren(h("main", { class: "sign-in" },
      h("h1", {}, "Timonier"),
      h("p", {}, "Run ", h("code", {}, "kctl ui"), " to open this page signed in, or give the token of your kubeconfig. ",
        "It stays in this page's memory and is gone when you close or reload it."),
      form));
    token.focus();
  });
}
