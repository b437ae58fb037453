/** What the server answers instead of what was asked for. */
export class ApiError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** Requests with the viewer's own rights. The token lives here, in memory, and nowhere else. */
export class Api {
  /** Without a token the browser may still show a client certificate. */
  constructor(private readonly token: string | null) {}

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("accept")) headers.set("accept", "application/json");
    if (this.token) headers.set("authorization", `Bearer ${this.token}`);
    const response = await fetch(path, { ...init, headers, cache: "no-store", credentials: "same-origin" });
    if (response.ok) return response;
    throw await refusal(response);
  }

  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await this.fetch(path, signal ? { signal } : {});
    return (await response.json()) as T;
  }

  async send<T>(method: string, path: string, body: unknown, type = "application/json"): Promise<T> {
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { "content-type": type };
    }
    return (await (await this.fetch(path, init)).json()) as T;
  }
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const status = JSON.parse(text) as { message?: string };
    return new ApiError(response.status, status.message ?? text);
  } catch {
    return new ApiError(response.status, text.trim() || response.statusText);
  }
}

/** Where objects of a kind live. */
export const paths = {
  pods: "/api/v1/pods",
  nodes: "/api/v1/nodes",
  events: "/api/v1/events",
  pod: (namespace: string, name: string) => `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`,
  node: (name: string) => `/api/v1/nodes/${encodeURIComponent(name)}`,
  eventsOf: (namespace: string) => (namespace ? `/api/v1/namespaces/${encodeURIComponent(namespace)}/events` : "/api/v1/events"),
};
