// Counts the open and the done items of whoever is signed in. Appwrite says who that is with a JWT,
// in whose name the database is asked; this function has no rights of its own there.

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function count(jwt, done) {
  const { APPWRITE_FUNCTION_API_ENDPOINT: endpoint, APPWRITE_FUNCTION_PROJECT_ID: project, APP_DATABASE_ID: database } = process.env;
  const queries = [
    { method: "equal", attribute: "done", values: [done] },
    { method: "limit", values: [1] },
  ];
  const search = new URLSearchParams(queries.map((query) => ["queries[]", JSON.stringify(query)]));
  const response = await fetch(`${endpoint}/tablesdb/${database}/tables/items/rows?${search}`, {
    headers: { "X-Appwrite-Project": project, "X-Appwrite-JWT": jwt },
  });
  if (response.status === 401) throw new Refusal(401, "sign in first");
  if (!response.ok) throw new Refusal(502, "the database can not answer; try again");
  return (await response.json()).total;
}

async function answer(req) {
  const path = req.path.replace(/\/+$/, "");
  if (!["", "/counts"].includes(path)) throw new Refusal(404, "no such path; use /counts");
  if (req.method !== "GET") throw new Refusal(405, "use GET here");
  if (path === "") return { service: "stats", requests: { "GET /counts": "how many of your items are open and done" } };
  const jwt = req.headers["x-appwrite-user-jwt"] ?? "";
  if (jwt === "") throw new Refusal(401, "sign in first");
  const [open, done] = await Promise.all([count(jwt, false), count(jwt, true)]);
  return { open, done };
}

export default async ({ req, res, error }) => {
  try {
    return res.json(await answer(req));
  } catch (problem) {
    if (problem instanceof Refusal) return res.json({ error: problem.message }, problem.status);
    error(String(problem?.stack ?? problem));
    return res.json({ error: "something went wrong here" }, 500);
  }
};
