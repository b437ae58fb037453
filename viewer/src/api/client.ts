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

  async get<T>(path: string, signal?: AbortSignal, accept?: string): Promise<T> {
    const init: RequestInit = signal ? { signal } : {};
    if (accept) init.headers = { accept };
    const response = await this.fetch(path, init);
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

/** A collection, and which fields of its objects are needed; all of them if none are named. */
export interface Source {
  path: string;
  fields?: readonly string[];
}

/** Asks for a collection with more in its query; whole objects come from servers that can't leave fields out. */
export function asked(source: Source, query: string): { url: string; accept: string } {
  const fields = source.fields ? `fields=${source.fields.join(",")}&` : "";
  const url = `${source.path}${source.path.includes("?") ? "&" : "?"}${fields}${query}`;
  return { url, accept: source.fields ? "application/json;as=PartialObject;g=timonier.dev;v=v1,application/json" : "application/json" };
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
