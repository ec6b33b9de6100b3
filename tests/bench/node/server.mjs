// create-task as it would be written for Node: what scripts/bench starts beside ours.
// GET answers whether it is configured, POST creates a row for the brief.

import { createServer } from 'node:http';
import { Client, ID, TablesDB } from 'node-appwrite';

const BODY_BYTES_MAX = 64 * 1024;
const { APPWRITE_ENDPOINT: endpoint, APPWRITE_PROJECT_ID: project, PORT } = process.env;

async function read(request) {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
    if (body.length > BODY_BYTES_MAX) throw new Error('the brief is too large');
  }
  return JSON.parse(body);
}

async function create(request) {
  const client = new Client().setEndpoint(endpoint).setProject(project).setKey(request.headers['x-appwrite-key'] ?? '');
  const { name, description, type, requirements = [] } = await read(request);
  const data = { name, description, type, requirements: JSON.stringify(requirements), status: 'pending' };
  const row = await new TablesDB(client).createRow({ databaseId: 'orchestrator', tableId: 'tasks', rowId: ID.unique(), data });
  return [201, { taskId: row.$id }];
}

const server = createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  try {
    answer(...(request.method === 'POST' ? await create(request) : [200, { status: 'ok', endpoint, project }]));
  } catch (error) {
    answer(400, { error: error.message });
  }
});
server.listen(Number(PORT), '127.0.0.1');
