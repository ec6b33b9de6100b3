"""create-task against its own description: schemathesis makes requests of it and checks the answers.

A small server stands between, since a call of create-task is an execution on Appwrite: it hands
every request to the function as a user does, and answers what the function answered.
Settings: ENDPOINT, PROJECT, SESSION (a user's), TASK (the id of one of the user's tasks).
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

# The rules of a brief go beyond what a schema can say (no credentials, no blanks alone, options that
# exclude each other), so a request that fits the schema may be refused. What is no call is answered
# with 400, as by every function.
NOT_CHECKED = "positive_data_acceptance,unsupported_method"
# Requests of one kind for one call: bounded, so that it takes seconds.
EXAMPLES_MAX = 5
# On a machine that does much else too.
SECONDS_MAX = 300

# What is asked of a task is asked of one that is there, but for its status; an execution has no
# method TRACE, and others are answered as no call.
SETTINGS = """\
[phases.coverage]
unexpected-methods = []

[[operations]]
include-path-regex = "^/.taskId./"
parameters = {{ taskId = "{task}" }}
"""

API = f"{os.environ['ENDPOINT']}/functions/create-task/executions"
HEADERS = {
    "x-appwrite-project": os.environ["PROJECT"],
    "x-appwrite-session": os.environ["SESSION"],
    "x-appwrite-response-format": "1.9.5",
}
answers = {}


class Door(BaseHTTPRequestHandler):
    """Hands requests on as executions."""

    protocol_version = "HTTP/1.1"
    local = threading.local()

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode("utf-8", "replace")
        session = getattr(self.local, "session", None) or requests.Session()
        self.local.session = session
        new = {"async": False, "method": self.command, "path": self.path, "body": body,
               "headers": {"content-type": "application/json"}}
        made = session.post(API, json=new, headers=HEADERS, timeout=35)
        if made.status_code != 201:
            return self.send(502, "text/plain", made.text)
        execution = made.json()
        status = execution["responseStatusCode"]
        headers = {it["name"].lower(): it["value"] for it in execution["responseHeaders"]}
        answers[status] = answers.get(status, 0) + 1
        waits = {name: headers[name] for name in headers if name == "retry-after"}
        self.send(status, headers.get("content-type", ""), execution["responseBody"], waits)

    def send(self, status, kind, body, more=None):
        data = body.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

    def log_message(self, *_):
        """Nothing is logged of single requests."""


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    program = pathlib.Path(sys.executable).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as folder:
        settings = pathlib.Path(folder, "schemathesis.toml")
        settings.write_text(SETTINGS.format(task=os.environ["TASK"]))
        done = subprocess.run(
            [program, "--config-file", settings, "run", f"{url}/openapi.json",
             "--phases", "examples,coverage,fuzzing", "--exclude-checks", NOT_CHECKED,
             "--max-examples", str(EXAMPLES_MAX), "--generation-deterministic",
             "--workers", "1", "--no-color", "--continue-on-failure",
             "--suppress-health-check", "all"],
            cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
    print(done.stdout[-20000:], done.stderr[-5000:])
    print(json.dumps({"answers": dict(sorted(answers.items())), "requests": sum(answers.values())}))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
