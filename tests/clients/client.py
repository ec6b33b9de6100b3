"""PyPI `appwrite`: a server with the project's key. Run by tests/it/clients.rs."""

import json
import os
import time
import urllib.request

from appwrite.client import Client
from appwrite.enums.adapter import Adapter
from appwrite.enums.build_runtime import BuildRuntime
from appwrite.enums.execution_method import ExecutionMethod
from appwrite.enums.framework import Framework
from appwrite.enums.runtime import Runtime
from appwrite.enums.tables_db_index_type import TablesDBIndexType
from appwrite.exception import AppwriteException
from appwrite.input_file import InputFile
from appwrite.permission import Permission
from appwrite.query import Query
from appwrite.role import Role
from appwrite.services.account import Account
from appwrite.services.functions import Functions
from appwrite.services.proxy import Proxy
from appwrite.services.sites import Sites
from appwrite.services.storage import Storage
from appwrite.services.tables_db import TablesDB
from appwrite.services.users import Users

ENDPOINT = os.environ["APPWRITE_ENDPOINT"]
PROJECT = os.environ["APPWRITE_PROJECT_ID"]
COMMANDS = (
    "chmod +x rust_runtime; for f in /usr/local/server/hooks/compile.sh "
    "/usr/local/server/helpers/prepare-compile.sh; do "
    'if [ -f "$f" ]; then : > "$f"; fi; done'
)
CALLS_MIN = 30
PATIENCE_S = 30
LOOK_EVERY_S = 0.05
TABLE = {"database_id": "shop", "table_id": "orders"}

calls = 0


class Counted:
    """A service, each call of whose methods counts."""

    def __init__(self, service):
        self._service = service

    def __getattr__(self, name):
        method = getattr(self._service, name)

        def call(*args, **kwargs):
            global calls
            calls += 1
            return method(*args, **kwargs)

        return call


def same(what, given, wanted):
    assert given == wanted, f"{what}: {given!r} is not {wanted!r}"


def refused(what, code, kind, call, **arguments):
    try:
        call(**arguments)
    except AppwriteException as error:
        same(what, (error.code, error.type), (code, kind))
    else:
        raise AssertionError(f"{what} was not refused")


def until(what, look):
    """Waits for a condition; it counts as one call, however often it looks."""
    global calls
    before, deadline = calls, time.monotonic() + PATIENCE_S
    while True:
        found = look()
        calls = before + 1
        if found:
            return found
        assert time.monotonic() < deadline, f"did not come true: {what}"
        time.sleep(LOOK_EVERY_S)


def built(what, get):
    def look():
        deployment = get()
        status = word(deployment.status)
        assert status != "failed", f"{what}: {deployment.buildlogs}"
        return deployment if status == "ready" else None

    return until(what, look)


def word(value):
    """The word of an enumeration, which some versions of the SDK give as it is."""
    return getattr(value, "value", value)


def schema(tables):
    same("database", tables.create(database_id="shop", name="Shop").name, "Shop")
    made = tables.create_table(**TABLE, name="Orders", row_security=True)
    same("table", (made.id, made.rowsecurity), ("orders", True))
    title = tables.create_varchar_column(**TABLE, key="title", size=64, required=True)
    same("column", (title.key, word(title.status)), ("title", "processing"))
    tables.create_integer_column(**TABLE, key="count", required=False, min=0, max=100, default=1)

    def available():
        listed = tables.get_table(**TABLE).to_dict()["columns"]
        return len(listed) == 2 and all(column["status"] == "available" for column in listed)

    until("columns are available", available)
    tables.create_index(**TABLE, key="byTitle", type=TablesDBIndexType.UNIQUE, columns=["title"])
    until("the index is available", lambda: word(tables.get_index(**TABLE, key="byTitle").status) == "available")


def rows(tables):
    tea = tables.create_row(**TABLE, row_id="tea", data={"title": "Tea", "count": 3})
    same("row", (tea.id, tea.data["title"], tea.data["count"]), ("tea", "Tea", 3))
    taken = {"row_id": "tea", "data": {"title": "Other"}}
    refused("a second row of one id", 409, "row_already_exists", tables.create_row, **TABLE, **taken)
    wrong = {"row_id": "big", "data": {"title": "Big", "count": 101}}
    refused("a number out of bounds", 400, "row_invalid_structure", tables.create_row, **TABLE, **wrong)
    many = tables.create_rows(**TABLE, rows=[{"$id": "jam", "title": "Jam"}, {"$id": "nut", "title": "Nut", "count": 9}])
    same("rows", [row.data["count"] for row in many.rows], [1, 9])
    same("patched", tables.update_row(**TABLE, row_id="jam", data={"count": 2}).data["count"], 2)
    same("upserted", tables.upsert_row(**TABLE, row_id="egg", data={"title": "Egg", "count": 12}).data["count"], 12)
    egg = tables.increment_row_column(**TABLE, row_id="egg", column="count", value=5)
    same("incremented", egg.data["count"], 17)
    same("one row", tables.get_row(**TABLE, row_id="nut").data["title"], "Nut")
    refused("a missing row", 404, "row_not_found", tables.get_row, **TABLE, row_id="none")


def queries(tables):
    def listed(*wanted):
        return [row.id for row in tables.list_rows(**TABLE, queries=list(wanted)).rows]

    same("all", tables.list_rows(**TABLE).total, 4)
    same("equal", listed(Query.equal("title", ["Tea", "Egg"]), Query.order_asc("title")), ["egg", "tea"])
    same("range", listed(Query.greater_than("count", 2), Query.order_desc("count")), ["egg", "nut", "tea"])
    same("page", listed(Query.order_asc("title"), Query.limit(2), Query.cursor_after("jam")), ["nut", "tea"])
    either = Query.or_queries([Query.starts_with("title", "J"), Query.equal("count", 9)])
    same("either", listed(either, Query.order_asc("title")), ["jam", "nut"])
    refused("no column", 400, "general_query_invalid", tables.list_rows, **TABLE, queries=[Query.equal("nothing", 1)])
    gone = tables.delete_rows(**TABLE, queries=[Query.equal("$id", "nut")])
    same("deleted rows", gone.total, 1)


def transactions(tables):
    transaction = tables.create_transaction(ttl=120).id
    made = [{"action": "create", "databaseId": "shop", "tableId": "orders", "rowId": "rye", "data": {"title": "Rye"}}]
    same("staged", tables.create_operations(transaction_id=transaction, operations=made).operations, 1)
    tables.update_row(**TABLE, row_id="tea", data={"count": 4}, transaction_id=transaction)
    refused("a staged row", 404, "row_not_found", tables.get_row, **TABLE, row_id="rye")
    ended = tables.update_transaction(transaction_id=transaction, commit=True)
    same("commit", word(ended.status), "committed")
    same("a committed row", tables.get_row(**TABLE, row_id="tea").data["count"], 4)
    other = tables.create_transaction().id
    tables.delete_row(**TABLE, row_id="tea", transaction_id=other)
    tables.update_transaction(transaction_id=other, rollback=True)
    same("a row whose deletion was rolled back", tables.get_row(**TABLE, row_id="tea").id, "tea")


def accounts(tables, users):
    ada = users.create(user_id="ada", email="ada@example.test", password="difference-engine", name="Ada")
    same("user", (ada.id, ada.email, ada.status), ("ada", "ada@example.test", True))
    same("labels", users.update_labels(user_id="ada", labels=["staff"]).labels, ["staff"])
    own = Client().set_endpoint(ENDPOINT).set_project(PROJECT).set_session(users.create_session(user_id="ada").secret)
    account = Counted(Account(own))
    same("account", account.get().name, "Ada")
    same("preferences", account.update_prefs(prefs={"tea": True}).to_dict()["prefs"]["tea"], True)
    by_jwt = Client().set_endpoint(ENDPOINT).set_project(PROJECT).set_jwt(users.create_jwt(user_id="ada").jwt)
    same("account by JWT", Counted(Account(by_jwt)).get().id, "ada")
    own_tables = Counted(TablesDB(own))
    refused("a row of others", 404, "row_not_found", own_tables.get_row, **TABLE, row_id="tea")
    tables.update_row(**TABLE, row_id="tea", permissions=[Permission.read(Role.user("ada"))])
    same("a shared row", own_tables.get_row(**TABLE, row_id="tea").data["title"], "Tea")


def files(storage):
    bucket = storage.create_bucket(bucket_id="files", name="Files", maximum_file_size=10_000_000)
    same("bucket", (bucket.id, bucket.maximumfilesize), ("files", 10_000_000))
    note = InputFile.from_bytes(b"a note", "note.txt", "text/plain")
    same("file", storage.create_file(bucket_id="files", file_id="note", file=note).sizeoriginal, 6)
    content = bytes((place * 31 + (place >> 8)) % 251 for place in range(6_000_000))
    big = storage.create_file(bucket_id="files", file_id="big", file=InputFile.from_bytes(content, "big.bin"))
    same("file in chunks", (big.sizeoriginal, big.chunksuploaded), (6_000_000, 2))
    same("download", storage.get_file_download(bucket_id="files", file_id="big") == content, True)
    same("files", storage.list_files(bucket_id="files").total, 2)
    storage.delete_file(bucket_id="files", file_id="note")
    refused("a deleted file", 404, "storage_file_not_found", storage.get_file, bucket_id="files", file_id="note")


def executions(functions):
    made = functions.create(function_id="echo", name="Echo", runtime=Runtime.RUST_1_83, timeout=20)
    same("function", (made.id, made.deploymentid), ("echo", ""))
    colour = functions.create_variable(function_id="echo", variable_id="unique()", key="COLOUR", value="red", secret=True)
    same("variable", (colour.key, colour.value), ("COLOUR", ""))
    code = InputFile.from_path(os.environ["FUNCTION_ARCHIVE"])
    deployment = functions.create_deployment("echo", code, True, "main.rs", COMMANDS).id
    built("function", lambda: functions.get_deployment(function_id="echo", deployment_id=deployment))
    call = {"body": "hello", "path": "/a?b=c", "method": ExecutionMethod.PUT, "headers": {"x-own": "yes"}}
    execution = functions.create_execution("echo", **call)
    same("execution", (word(execution.status), execution.responsestatuscode), ("completed", 200))
    echo = json.loads(execution.responsebody)
    given = (echo["method"], echo["path"], echo["body"], echo["headers"]["x-own"], echo["env"]["COLOUR"])
    same("request", given, ("PUT", "/a?b=c", "hello", "yes", "red"))
    later = functions.create_execution("echo", path="/status-418", xasync=True)
    same("asynchronous execution", word(later.status), "waiting")

    def ended():
        it = functions.get_execution(function_id="echo", execution_id=later.id)
        return it if word(it.status) in ("completed", "failed") else None

    same("its end", until("it ended", ended).responsestatuscode, 418)
    same("executions", functions.list_executions(function_id="echo").total, 2)


def site(sites, rules):
    arguments = {"adapter": Adapter.STATIC, "output_directory": "./"}
    sites.create("page", "Page", Framework.OTHER, BuildRuntime.STATIC_1, **arguments)
    code = InputFile.from_path(os.environ["SITE_ARCHIVE"])
    deployment = sites.create_deployment("page", code, activate=True).id
    built("site", lambda: sites.get_deployment(site_id="page", deployment_id=deployment))
    rule = rules.create_site_rule(domain="page.localhost", site_id="page")
    same("rule", (rule.domain, rule.deploymentresourceid), ("page.localhost", "page"))
    until("the deployment is active", lambda: sites.get(site_id="page").deploymentid == deployment)
    address = ENDPOINT.removesuffix("/v1")
    request = urllib.request.Request(f"{address}/", headers={"host": f"page.localhost:{address.rsplit(':')[-1]}"})
    with urllib.request.urlopen(request) as page:
        same("page", page.read().decode().strip(), "<h1>it is served</h1>")


def main():
    client = Client().set_endpoint(ENDPOINT).set_project(PROJECT).set_key(os.environ["APPWRITE_API_KEY"])
    tables = Counted(TablesDB(client))
    schema(tables)
    rows(tables)
    queries(tables)
    transactions(tables)
    accounts(tables, Counted(Users(client)))
    files(Counted(Storage(client)))
    executions(Counted(Functions(client)))
    site(Counted(Sites(client)), Counted(Proxy(client)))
    assert calls >= CALLS_MIN, f"{calls} calls are fewer than {CALLS_MIN}"
    print(f"calls: {calls}")


main()
