// Speaks with Appwrite, where the app is deployed. Nothing here touches the page.

const CONFIG = "app-config.json";

// What was refused, or could not be asked. `status` is 0 without an answer.
export class Refusal extends Error {
  constructor(status, type, message) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

async function readConfig() {
  try {
    const response = await fetch(CONFIG, { cache: "no-cache" });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

// `storage` is a Storage, or null where the browser refuses one.
export function createBackend(storage, prefix) {
  const key = `${prefix}/session`;
  let config = null;
  let session = recall();

  // { user, cookies }: who was signed in here, and what stands for cookies that browsers block.
  function recall() {
    try {
      return JSON.parse(storage?.getItem(key) ?? "null");
    } catch {
      return null;
    }
  }

  function remember(next) {
    session = next;
    try {
      if (next === null) storage?.removeItem(key);
      else storage?.setItem(key, JSON.stringify(next));
    } catch {
      // Without storage the session lasts for this visit.
    }
  }

  async function request(method, path, body) {
    const headers = { "X-Appwrite-Project": config.projectId };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (session?.cookies) headers["X-Fallback-Cookies"] = session.cookies;
    let response;
    let answer;
    try {
      response = await fetch(config.endpoint + path, { method, headers, credentials: "include", body: JSON.stringify(body) });
      answer = response.status === 204 ? null : await response.json();
    } catch {
      throw new Refusal(0, "unreachable", "The server can not be reached.");
    }
    if (!response.ok) throw new Refusal(response.status, answer?.type ?? "", answer?.message ?? `The server answers ${response.status}.`);
    const cookies = response.headers.get("X-Fallback-Cookies");
    if (cookies?.startsWith("{")) session = { user: "", cookies };
    return answer;
  }

  async function account() {
    const { $id, name, email } = await request("GET", "/account");
    remember({ cookies: "", ...session, user: $id });
    return { id: $id, name: name || email };
  }

  async function signIn(email, password) {
    remember(null);
    await request("POST", "/account/sessions/email", { email, password });
    return account();
  }

  return {
    // Reads where the app is deployed; false where it is not.
    async open() {
      config ??= await readConfig();
      return typeof config?.endpoint === "string";
    },
    get sessionKey() {
      return key;
    },
    get rowsPath() {
      return `/tablesdb/${config.databaseId}/tables/items/rows`;
    },
    request,
    signIn,
    async signUp(email, password) {
      await request("POST", "/account", { userId: "unique()", email, password, name: email.split("@")[0].slice(0, 60) });
      return signIn(email, password);
    },
    // Who was signed in here before and still is, or null.
    async restore() {
      session = recall();
      if (session === null) return null;
      const { user } = session;
      try {
        const found = await account();
        if (found.id === user) return found;
      } catch (error) {
        if (error.status !== 401) throw error;
      }
      remember(null);
      return null;
    },
    async signOut() {
      try {
        await request("DELETE", "/account/sessions/current");
      } catch (error) {
        if (error.status !== 401) throw error;
      }
      remember(null);
    },
    // What a function of the app answers.
    async call(name, method, path) {
      const { functionId } = config.functions[name];
      const execution = await request("POST", `/functions/${functionId}/executions`, { method, path, body: "" });
      if (execution.responseStatusCode !== 200) throw new Refusal(execution.responseStatusCode, "function", "The server could not answer.");
      return JSON.parse(execution.responseBody);
    },
  };
}

// What a person is told.
export function explain(error) {
  if (!(error instanceof Refusal)) return "Something went wrong in this page. Reload it and try again.";
  switch (error.type) {
    case "user_invalid_credentials":
      return "The e-mail address or the password is not right.";
    case "user_already_exists":
    case "user_email_already_exists":
      return "There is already an account with this e-mail address.";
    default:
      if (error.status === 0) return `${error.message} Check the connection and try again.`;
      if (error.status === 429) return "Too many attempts. Wait a minute and try again.";
      if (error.status === 401) return "You are signed out. Sign in again.";
      return error.message;
  }
}
