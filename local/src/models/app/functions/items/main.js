// The items of whoever sends a request, as JSON over HTTP. Each request carries the JWT of an
// Appwrite account; it is passed on to the database, which gives out only what that account may
// see. This function has no rights of its own there. The JWT comes in a header of its
// own, because Appwrite keeps Authorization and its own headers from functions.

const TEXT_MAX = 500;
const TAG_MAX = 40;
const TAGS_MAX = 12;
const LIST_MAX = 100;
const BODY_MAX = 16 * 1024;
const FIELDS = ["title", "done", "due", "tags"];

const ABOUT = {
  service: "items",
  header: "X-Account-JWT: <JWT of an Appwrite account>",
  requests: {
    "GET /items": "lists your items; limit (1 to 100) and cursor (the id of the last one seen) page through them",
    "POST /items": "creates an item: title, and if you like done, due (YYYY-MM-DD) and tags",
    "GET /items/{id}": "returns an item",
    "PATCH /items/{id}": "changes the fields that are sent",
    "DELETE /items/{id}": "removes an item",
  },
};

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function rowsAddress() {
  const { APPWRITE_FUNCTION_API_ENDPOINT: endpoint, APP_DATABASE_ID: database } = process.env;
  return `${endpoint}/tablesdb/${database}/tables/items/rows`;
}

function token(req) {
  const jwt = req.headers["x-account-jwt"] ?? "";
  if (jwt === "") throw new Refusal(401, "send the header X-Account-JWT with the JWT of an Appwrite account");
  return jwt;
}

// Asks the database in the caller's name.
async function ask(jwt, method, path, body) {
  let response;
  let answer;
  try {
    response = await fetch(rowsAddress() + path, {
      method,
      headers: {
        "Content-Type": "application/json",
        "X-Appwrite-Project": process.env.APPWRITE_FUNCTION_PROJECT_ID,
        "X-Appwrite-JWT": jwt,
      },
      body: JSON.stringify(body),
    });
    answer = response.status === 204 ? null : await response.json();
  } catch {
    throw new Refusal(502, "the database can not be reached; try again");
  }
  if (response.ok) return answer;
  // Another account's item is not there for this one.
  if (response.status === 404 || answer?.type === "user_unauthorized") throw new Refusal(404, "no such item");
  if (response.status === 401) throw new Refusal(401, "the JWT is not valid or has expired; make another one");
  if (response.status >= 500) throw new Refusal(502, "the database can not answer; try again");
  throw new Refusal(response.status, answer?.message ?? "the database refuses this");
}

function item(row) {
  return {
    id: row.$id,
    title: row.title,
    done: row.done === true,
    due: row.due ?? "",
    tags: row.tags ?? [],
    created: row.$createdAt,
    updated: row.$updatedAt,
  };
}

const CHECKS = {
  title: (value) =>
    (typeof value === "string" && value.trim() !== "" && value.length <= TEXT_MAX) || `title must be text of 1 to ${TEXT_MAX} characters`,
  done: (value) => typeof value === "boolean" || "done must be true or false",
  due: (value) => value === "" || (typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value)) || "due must be a date such as 2030-12-31, or empty",
  tags: (value) =>
    (Array.isArray(value) && value.length <= TAGS_MAX && value.every((tag) => typeof tag === "string" && tag !== "" && tag.length <= TAG_MAX)) ||
    `tags must be a list of at most ${TAGS_MAX} texts of 1 to ${TAG_MAX} characters`,
};

// What a body says about an item, as the row keeps it.
function fields(req) {
  const text = req.bodyText ?? "";
  if (text.length > BODY_MAX) throw new Refusal(400, `the body is longer than ${BODY_MAX} characters`);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Refusal(400, "the body is not a JSON object");
  const data = {};
  for (const [name, given] of Object.entries(value)) {
    if (!FIELDS.includes(name)) throw new Refusal(400, `there is no field ${JSON.stringify(name)}; use ${FIELDS.join(", ")}`);
    const verdict = CHECKS[name](given);
    if (verdict !== true) throw new Refusal(400, verdict);
    data[name] = name === "due" && given === "" ? null : given;
  }
  return data;
}

function page(query) {
  const limit = Number(query.limit ?? LIST_MAX);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_MAX) throw new Refusal(400, `limit must be 1 to ${LIST_MAX}`);
  const queries = [{ method: "limit", values: [limit] }];
  if (query.cursor !== undefined) queries.push({ method: "cursorAfter", values: [String(query.cursor)] });
  return new URLSearchParams(queries.map((entry) => ["queries[]", JSON.stringify(entry)]));
}

async function collection(req) {
  const jwt = token(req);
  if (req.method === "GET") {
    const { total, rows } = await ask(jwt, "GET", `?${page(req.query ?? {})}`);
    return [200, { total, items: rows.map(item) }];
  }
  const data = fields(req);
  if (data.title === undefined) throw new Refusal(400, "title is missing");
  return [201, item(await ask(jwt, "POST", "", { rowId: "unique()", data: { done: false, tags: [], ...data } }))];
}

async function single(req, id) {
  const jwt = token(req);
  const path = `/${id}`;
  if (req.method === "GET") return [200, item(await ask(jwt, "GET", path))];
  if (req.method === "PATCH") return [200, item(await ask(jwt, "PATCH", path, { data: fields(req) }))];
  await ask(jwt, "DELETE", path);
  return [204, null];
}

function allow(req, methods) {
  if (!methods.includes(req.method)) throw new Refusal(405, `use ${methods.join(", ")} here`);
}

async function answer(req) {
  const path = req.path.replace(/\/+$/, "");
  if (path === "") {
    allow(req, ["GET"]);
    return [200, ABOUT];
  }
  const match = /^\/items(?:\/([A-Za-z0-9][\w.-]{0,35}))?$/.exec(path);
  if (match === null) throw new Refusal(404, "no such path; GET / tells what there is");
  const [, id] = match;
  allow(req, id === undefined ? ["GET", "POST"] : ["GET", "PATCH", "DELETE"]);
  return id === undefined ? collection(req) : single(req, id);
}

export default async ({ req, res, error }) => {
  try {
    const [status, body] = await answer(req);
    return status === 204 ? res.empty() : res.json(body, status);
  } catch (problem) {
    if (problem instanceof Refusal) return res.json({ error: problem.message }, problem.status);
    error(String(problem?.stack ?? problem));
    return res.json({ error: "something went wrong here" }, 500);
  }
};
