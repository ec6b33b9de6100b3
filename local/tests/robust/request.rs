//! Requests that are wrong in some way, each a function of its seed.

use serde_json::{Map, Value, json};

use crate::process::{KEY, PROJECT};
use crate::random::Random;

/// Bytes of a body that is too large for every route, and of one that is not.
const HUGE_BYTES: usize = 13 * 1024 * 1024;
const LARGE_BYTES: usize = 11 * 1024 * 1024;

pub(crate) const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What is there, by the name of the path's parameter.
const GOOD_IDS: &[(&str, &[&str])] = &[
    ("database", &["main"]),
    ("table", &["notes", "heard"]),
    ("row", &["r1", "r2"]),
    ("column", &["title", "client", "done"]),
    ("function", &["listener"]),
    ("bucket", &["b1"]),
    ("session", &["current"]),
    ("key", &["title", "client"]),
];

const BAD_IDS: &[&str] = &[
    "",
    "%00",
    "%ff%fe",
    "..",
    "%2e%2e%2f%2e%2e",
    "%",
    "%zz",
    "_x",
    "-x",
    ".x",
    "a%20b",
    "nobody",
    "%F0%9F%92%A9",
    "'%3B%20DROP%20TABLE%20users%3B--",
    "%7Brow%7D",
    "a%2Fb",
    "null",
    "-1",
    "99999999999999999999",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Parameters of bodies, over all routes, with values that many of them take.
const PARAMETERS: &str = r#"{
  "rowId": "unique()", "documentId": "unique()", "data": {"title": "a", "client": 1}, "permissions": ["read(\"any\")"],
  "name": "n", "databaseId": "unique()", "tableId": "unique()", "collectionId": "unique()",
  "queries": ["{\"method\":\"limit\",\"values\":[1]}"], "value": 1, "min": 0, "max": 9, "ttl": 60, "commit": true,
  "rollback": false, "operations": [{"action": "create", "databaseId": "main", "tableId": "notes", "rowId": "t1",
  "data": {"title": "a"}}], "rows": [{"$id": "b1", "title": "a"}], "documents": [{"$id": "b2", "title": "a"}],
  "email": "a@example.com", "password": "password1", "oldPassword": "password1", "userId": "unique()", "secret": "s",
  "functionId": "unique()", "runtime": "rust-1.83", "schedule": "0 0 1 1 *", "events": ["users.*.create"],
  "execute": ["any"], "timeout": 15, "enabled": true, "logging": true, "key": "title", "size": 64, "required": false,
  "default": null, "array": false, "elements": ["a"], "type": "key", "columns": ["title"], "attributes": ["title"],
  "orders": ["ASC"], "lengths": [10], "body": "b", "async": false, "path": "/p", "method": "POST", "headers": {"a": "b"},
  "scheduledAt": "2030-01-01T00:00:00.000+00:00", "bucketId": "unique()", "fileId": "unique()",
  "maximumFileSize": 1000, "allowedFileExtensions": ["txt"], "compression": "none", "encryption": false,
  "antivirus": false, "fileSecurity": true, "rowSecurity": true, "siteId": "unique()", "framework": "other",
  "buildRuntime": "node-22", "buildCommand": "", "installCommand": "", "outputDirectory": "./", "activate": true,
  "prefs": {"a": 1}, "labels": ["vip"], "domain": "a.localhost", "scopes": ["rows.read"], "entrypoint": "x",
  "commands": "", "deploymentId": "none", "variableId": "unique()", "newKey": "title2", "transactionId": "none",
  "indexes": [], "duration": 60, "phone": "+4912345678", "specification": "s-1vcpu-512mb", "adapter": "static",
  "fallbackFile": "", "resourceId": "listener", "resourceType": "function", "column": "client"
}"#;

const QUERY_METHODS: &[&str] = &[
    "equal",
    "notEqual",
    "lessThan",
    "greaterThanEqual",
    "between",
    "contains",
    "search",
    "startsWith",
    "isNull",
    "isNotNull",
    "select",
    "orderAsc",
    "orderDesc",
    "orderRandom",
    "limit",
    "offset",
    "cursorAfter",
    "cursorBefore",
    "and",
    "or",
    "elemMatch",
    "regex",
    "exists",
    "drop",
    "",
    "notBetween",
    "createdAfter",
];

const ATTRIBUTES: &[&str] = &[
    "title",
    "client",
    "done",
    "$id",
    "$sequence",
    "$createdAt",
    "nothing",
    "",
    "_id",
    "title\" OR 1=1 --",
    "*",
    "$",
];

/// A route: its method and its template.
pub(crate) type Route = (&'static str, String);

/// A request, as it goes over the wire.
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    /// Whether anything but a refusal would be wrong.
    pub(crate) hopeless: bool,
    /// Whether the end of the connection is an answer too: the sender broke off.
    pub(crate) breaks_off: bool,
}

impl Request {
    /// The request of a seed to a route, by another method now and then.
    pub(crate) fn of(seed: u64, (method, template): &Route) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let other = *random.pick(&["OPTIONS", "HEAD", "PUT", "TRACE", "BREW"]);
        let method = if random.percent(5) { other } else { method };
        let mut path = path(random, template);
        if random.percent(50) {
            path = format!("{path}?{}", query(random));
        }
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n");
        let stranger = random.percent(4);
        head.push_str(&credentials(random, stranger));
        if random.percent(15) {
            head.push_str(&odd_header(random));
        }
        let huge = random.below(800) == 0;
        let (kind, body) = if huge {
            ("application/json".to_owned(), vec![b' '; HUGE_BYTES])
        } else if random.below(400) == 0 {
            let text = "x".repeat(LARGE_BYTES / 2);
            let data = json!({"rowId": "unique()", "data": {"title": text}, "body": text});
            ("application/json".to_owned(), data.to_string().into_bytes())
        } else {
            body(random)
        };
        head.push_str(&format!("content-type: {kind}\r\n"));
        let mut breaks_off = !body.is_empty() && random.percent(2);
        let length = body.len() + if breaks_off { 10 } else { 0 };
        let mut bytes = head.into_bytes();
        if !huge && !breaks_off && random.percent(10) {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            let broken = random.percent(40);
            breaks_off = broken;
            bytes.extend(if broken {
                broken_chunks(random)
            } else {
                one_chunk(&body)
            });
        } else {
            bytes.extend(format!("content-length: {length}\r\n\r\n").into_bytes());
            bytes.extend(body);
        }
        Self {
            bytes,
            // Preflights are answered before anything is looked at.
            hopeless: method != "OPTIONS"
                && (huge || stranger && template.starts_with("/v1/tablesdb")),
            breaks_off,
        }
    }

    /// Its beginning, for people.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(1_500)]).into_owned()
    }
}

fn path(random: &mut Random, template: &str) -> String {
    let segments = template.split('/').map(|segment| {
        let Some(name) = segment.strip_prefix('{') else {
            return segment.to_owned();
        };
        let name = name.trim_end_matches('}').trim_start_matches('*');
        let good = GOOD_IDS.iter().find(|(known, _)| *known == name);
        match good {
            Some((_, ids)) if random.percent(88) => (*random.pick(ids)).to_owned(),
            Some(_) | None => (*random.pick(BAD_IDS)).to_owned(),
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn query(random: &mut Random) -> String {
    let encode = |text: &str| {
        let all = percent_encoding::NON_ALPHANUMERIC;
        percent_encoding::utf8_percent_encode(text, all).to_string()
    };
    match random.below(9) {
        0 => format!(
            "queries[]={}",
            encode(&String::from_utf8_lossy(&random.bytes(60)))
        ),
        1 => "queries=plain".to_owned(),
        2 => format!("queries[]={}", encode(&"[".repeat(3_000))),
        3 => format!("x={}", "y".repeat(8_000)),
        4 => format!(
            "search={}&total={}",
            encode(&text(random)),
            encode(&text(random))
        ),
        5 => format!(
            "transactionId={}&total={}",
            encode(&text(random)),
            encode(&text(random))
        ),
        6 => "%00=%ff&&&=&?=[]".to_owned(),
        7 | 8 => {
            let texts: Vec<String> = (0..=random.below(4))
                .map(|_| format!("queries[]={}", encode(&one_query(random).to_string())))
                .collect();
            texts.join("&")
        }
        _ => unreachable!("below nine"),
    }
}

fn one_query(random: &mut Random) -> Value {
    let values = if random.percent(80) {
        Value::Array((0..random.below(4)).map(|_| value(random, 2)).collect())
    } else {
        value(random, 2)
    };
    let mut query = json!({"method": random.pick(QUERY_METHODS), "values": values});
    if random.percent(80) {
        query["attribute"] = json!(random.pick(ATTRIBUTES));
    }
    query
}

fn credentials(random: &mut Random, stranger: bool) -> String {
    if stranger {
        let project = random.pick(&[
            "x-appwrite-project: other\r\n",
            "",
            "x-appwrite-project: \r\n",
        ]);
        return format!("{project}x-appwrite-key: {KEY}\r\n");
    }
    let who = match random.below(40) {
        0 => "x-appwrite-key: wrong\r\n",
        1 => "",
        2 => "x-appwrite-session: bm9ib2R5\r\n",
        3 => "x-appwrite-jwt: a.b.c\r\n",
        4 => "cookie: a_session_bench=%%%; a_session_bench_legacy=e30=\r\n",
        5 => "x-fallback-cookies: {\"a_session_bench\":[]}\r\n",
        6 => "x-appwrite-key: ephemeral_e30.e30.e30\r\n",
        _ => return format!("x-appwrite-project: {PROJECT}\r\nx-appwrite-key: {KEY}\r\n"),
    };
    format!("x-appwrite-project: {PROJECT}\r\n{who}")
}

fn odd_header(random: &mut Random) -> String {
    let name = random.pick(&[
        "x-appwrite-timestamp",
        "x-appwrite-response-format",
        "range",
        "content-range",
        "x-appwrite-id",
        "origin",
        "x-forwarded-for",
        "x-http-method-override",
        "accept",
        "if-none-match",
        "expect",
        "accept-encoding",
        "x-appwrite-mode",
        "x-sdk-graphql",
        "referer",
    ]);
    let value = random.pick(&[
        "bytes=-5",
        "bytes=5-1",
        "bytes 0-5242879/5242880",
        "bytes 9-2/1",
        "bytes 0-0/99999999999999999999",
        "x",
        "2020-01-01T00:00:00.000+00:00",
        "0.1.2",
        "\u{1f600}",
        "http://evil.example",
        "null",
        "a,b,,;q=",
        "gzip;q=9",
    ]);
    format!("{name}: {value}\r\n")
}

fn body(random: &mut Random) -> (String, Vec<u8>) {
    let json = "application/json".to_owned();
    match random.below(12) {
        0 => (json, random.bytes(200)),
        1 => (json, "[".repeat(20_000).into_bytes()),
        2 => {
            let mut text = object(random).to_string().into_bytes();
            text.truncate(random.below(text.len()));
            (json, text)
        }
        3 => (json, value(random, 3).to_string().into_bytes()),
        4 => (
            json,
            br#"{"data": {"title": "\ud800"}, "rowId": "unique()", "data": 1}"#.to_vec(),
        ),
        5 => (
            "application/x-www-form-urlencoded".to_owned(),
            b"data[a][b]=1&data[]=2&data=3&rowId=%ff&[]=&permissions[9999999999]=x".to_vec(),
        ),
        6 => multipart(random),
        7 => (
            String::from_utf8_lossy(&random.bytes(20)).replace(char::is_control, "?"),
            random.bytes(50),
        ),
        8 => (json, Vec::new()),
        _ => (json, object(random).to_string().into_bytes()),
    }
}

/// Parameters of routes: good ones with a few of any type among them, or only such.
fn object(random: &mut Random) -> Value {
    let good: Map<String, Value> = serde_json::from_str(PARAMETERS).unwrap();
    let wrong = [0, 1, 2, 10, 60][random.below(5)];
    let mut object: Map<String, Value> = good.clone();
    if random.percent(20) {
        object.retain(|_, _| random.percent(30));
    }
    // A single row and many rows exclude each other.
    for other in [&["rows", "documents"][..], &["data"], &["transactionId"]] {
        if random.percent(70) {
            object.retain(|name, _| !other.contains(&name.as_str()));
        }
    }
    let names: Vec<&String> = good.keys().collect();
    for _ in 0..wrong {
        object.insert((*random.pick(&names)).clone(), value(random, 3));
    }
    if random.percent(20) {
        let columns = [
            "title",
            "client",
            "done",
            "$id",
            "$createdAt",
            "$permissions",
            "no",
        ];
        let columns = columns.map(|key| (key.to_owned(), value(random, 1)));
        object.insert(
            "data".to_owned(),
            Value::Object(columns.into_iter().collect()),
        );
    }
    Value::Object(object)
}

fn text(random: &mut Random) -> String {
    match random.below(8) {
        0 => String::new(),
        1 => "x".repeat(10_000),
        2 => "\u{0}\u{1f600}\u{202e}\u{feff}".to_owned(),
        3 => "read(\"any\")".to_owned(),
        4 => "unique()".to_owned(),
        5 => "* * * * * * *".to_owned(),
        6 => "9999-99-99T99:99:99Z".to_owned(),
        _ => String::from_utf8_lossy(&random.bytes(30)).into_owned(),
    }
}

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 9 } else { 12 }) {
        0 => Value::Null,
        1 => json!(random.percent(50)),
        2 => json!(random.pick(&[i64::MIN, i64::MAX, -1, 0, 1, 100])),
        3 => json!(u64::MAX),
        4 => json!(random.pick(&[1e308, -0.0, 0.1, 5e-324])),
        5..=8 => json!(text(random)),
        9 => Value::Array(
            (0..random.below(4))
                .map(|_| value(random, depth - 1))
                .collect(),
        ),
        10 => Value::Array(vec![value(random, 0); 200]),
        _ => Value::Object(
            (0..random.below(4))
                .map(|_| (text(random), value(random, depth - 1)))
                .collect(),
        ),
    }
}

fn multipart(random: &mut Random) -> (String, Vec<u8>) {
    let kind = random.pick(&[
        "multipart/form-data; boundary=XX",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=YY",
        "multipart/mixed; boundary=XX",
    ]);
    let mut body = Vec::new();
    for _ in 0..random.below(4) {
        body.extend(b"--XX\r\n");
        body.extend(random.pick(&[
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n",
            "Content-Disposition: form-data; name=\"code\"; filename=\"../../x.tar.gz\"\r\nContent-Type: \u{1f600}\r\n\r\n",
            "Content-Disposition: form-data; name=\"fileId\"\r\n\r\n",
            "Content-Disposition: form-data; name=\"activate\"\r\n\r\n",
            "Content-Disposition: form-data\r\n\r\n", "Content-Disposition\r\n\r\n", "\r\n", "",
            "Content-Disposition: form-data; name=\"\"; filename=\"\0\"\r\n\r\n",
        ]).as_bytes());
        body.extend(random.bytes(200));
        if random.percent(80) {
            body.extend(b"\r\n");
        }
    }
    body.extend(*random.pick(&[&b"--XX--\r\n"[..], b"--XX", b"", b"--YY--\r\n"]));
    ((*kind).to_owned(), body)
}

fn broken_chunks(random: &mut Random) -> Vec<u8> {
    let all = [
        "zz\r\n",
        "ffffffffffffffffff\r\nx",
        "5\r\nab\r\n0\r\n\r\n",
        "-1\r\n\r\n",
    ];
    random.pick(&all).as_bytes().to_vec()
}

fn one_chunk(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !body.is_empty() {
        bytes.extend(format!("{:x}\r\n", body.len()).into_bytes());
        bytes.extend(body);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
