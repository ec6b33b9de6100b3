//! A platform in a temporary folder: the kernel, functions, sites and hosting behind one port.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::Next;
use local::bus::Event;
use local::config::ProjectConfig;
use local::faults::Faults;
use local::functions::{self, FunctionSettings, Functions};
use local::hosting;
use local::kernel::{Kernel, KernelOptions, Project};
use local::proxy;
use local::sandbox::BuildSettings;
use local::sites::{self, Sites};
use local::store::Durability;
use reqwest::{Method, Response, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const KEY: &str = "standard_key_of_tests";
/// Longest wait for a condition; only a failing test takes so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What a world is made with.
pub(crate) struct Options {
    pub(crate) functions: Value,
    pub(crate) sites: Value,
    pub(crate) faults: Faults,
    pub(crate) stand_in: bool,
    pub(crate) build_settings: BuildSettings,
    pub(crate) change: Box<dyn FnOnce(&mut FunctionSettings)>,
    pub(crate) modes: Vec<(&'static str, &'static str)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            functions: json!([]),
            sites: json!([]),
            faults: Faults::default(),
            stand_in: false,
            build_settings: BuildSettings::default(),
            change: Box::new(|_| {}),
            modes: Vec::new(),
        }
    }
}

/// A running platform. Its folder outlives a restart.
pub(crate) struct World {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) gate: Gate,
    port: u16,
    server: tokio::task::JoinHandle<()>,
    http: reqwest::Client,
}

async fn hosted(
    State(kernel): State<Arc<Kernel>>,
    request: Request,
    next: Next,
) -> axum::response::Response {
    hosting::layer(&kernel, request, |request| next.run(request)).await
}

impl World {
    /// Starts a platform whose functions are the fixture, each in its mode.
    pub(crate) async fn start(options: Options) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), options).await
    }

    pub(crate) async fn start_in(folder: Arc<TempDir>, options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Gate(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let kernel = Kernel::open(
            KernelOptions {
                new_user_labels: Vec::new(),
                data_dir: folder.path().to_path_buf(),
                project: Project {
                    id: "p".to_owned(),
                    name: "P".to_owned(),
                    endpoint: format!("http://127.0.0.1:{port}/v1"),
                    port,
                },
                key: SecretString::from(KEY.to_owned()),
                extra_keys: Vec::new(),
                stand_in_functions: options.stand_in,
                faults: options.faults,
                sync: Durability::default(),
            },
            &[functions::SCHEMA, sites::SCHEMA, proxy::SCHEMA],
        )
        .await
        .unwrap();
        let text =
            json!({"projectId": "p", "functions": options.functions, "sites": options.sites});
        let config = ProjectConfig::parse(&text.to_string()).unwrap();
        let functions_dir = folder.path().join("executables");
        std::fs::create_dir_all(&functions_dir).unwrap();
        let mut settings = FunctionSettings::new(functions_dir.clone());
        for function in &config.functions {
            let path = functions_dir.join(&function.id);
            if function.id != "gone" && !path.exists() {
                std::os::unix::fs::symlink(fixture(), path).unwrap();
            }
            let mode = options.modes.iter().find(|(id, _)| *id == function.id);
            let variables = BTreeMap::from([
                (
                    "MODE".to_owned(),
                    mode.map_or("echo", |(_, mode)| mode).to_owned(),
                ),
                ("GATE".to_owned(), gate.0.local_addr().unwrap().to_string()),
            ]);
            settings.variables.insert(function.id.clone(), variables);
        }
        settings.builds = options.build_settings.clone();
        (options.change)(&mut settings);
        let functions = Functions::start(&kernel, settings).await.unwrap();
        Sites::start(&kernel, options.build_settings).await.unwrap();
        config.apply(&kernel).await.unwrap();
        let app = Router::new()
            .merge(functions::router())
            .merge(sites::router())
            .merge(proxy::router())
            .layer(axum::middleware::from_fn_with_state(
                Arc::clone(&kernel),
                hosted,
            ))
            .with_state(Arc::clone(&kernel));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            kernel,
            functions,
            folder,
            gate,
            port,
            server,
            http: client(),
        }
    }

    /// Stops everything in order and gives back the folder.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.functions.shutdown().await;
        Sites::of(&self.kernel).unwrap().shutdown().await;
        self.server.abort();
        self.kernel.store.close();
        Arc::clone(&self.folder)
    }

    /// A request as the project's key.
    pub(crate) fn key(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.guest(method, path).header("x-appwrite-key", KEY)
    }

    /// A request as nobody.
    pub(crate) fn guest(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("http://127.0.0.1:{}{path}", self.port))
            .header("x-appwrite-project", "p")
    }

    /// A request as a browser that shows a domain.
    pub(crate) async fn visit(&self, domain: &str, path: &str) -> (StatusCode, String) {
        let response = self.browse(Method::GET, domain, path).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    pub(crate) fn browse(
        &self,
        method: Method,
        domain: &str,
        path: &str,
    ) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("http://127.0.0.1:{}{path}", self.port))
            .header("host", format!("{domain}:{}", self.port))
    }

    /// Executes a function as the key.
    pub(crate) async fn execute(&self, function: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/v1/functions/{function}/executions");
        read(
            self.key(Method::POST, &path)
                .json(&body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        read(self.key(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn executions(&self, function: &str) -> Vec<Value> {
        let (status, json) = self
            .get(&format!("/v1/functions/{function}/executions"))
            .await;
        assert_eq!(status, 200, "{json}");
        json["executions"].as_array().unwrap().clone()
    }

    /// Waits until a function has as many executions that have ended.
    pub(crate) async fn ended(&self, function: &str, count: usize) -> Vec<Value> {
        until(async || {
            let all = self.executions(function).await;
            let ended = all.iter().filter(|it| it["status"] != "waiting").count();
            (ended >= count && ended == all.len()).then_some(all)
        })
        .await
    }

    /// Publishes the creation of a row.
    pub(crate) fn row_created(&self, table: &str, row: &str) {
        let name = |row: &str| format!("databases.d.tables.{table}.rows.{row}.create");
        self.kernel.bus.publish(Event {
            names: vec![
                format!("databases.d.collections.{table}.documents.{row}.create"),
                name(row),
                name("*"),
            ]
            .into(),
            realtime_names: Vec::new().into(),
            channels: Vec::new(),
            readers: Vec::new(),
            payload: json!({"$id": row}),
            user_id: None,
        });
    }
}

fn client() -> reqwest::Client {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_gzip()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .no_proxy()
        .build()
        .unwrap()
}

/// Where functions in the mode `hold` report and wait.
pub(crate) struct Gate(TcpListener);

/// A function that is held; dropping it lets it go on.
pub(crate) struct Held {
    pub(crate) function: String,
    pub(crate) execution: String,
    pub(crate) pid: i32,
    pub(crate) body: String,
    _stream: TcpStream,
}

impl Gate {
    /// Waits for the next function to report.
    pub(crate) async fn next(&self) -> Held {
        let (mut stream, _) = tokio::time::timeout(LIMIT, self.0.accept())
            .await
            .expect("a function came")
            .unwrap();
        let mut line = String::new();
        BufReader::new(&mut stream)
            .read_line(&mut line)
            .await
            .unwrap();
        let mut words = line.split_whitespace().map(str::to_owned);
        Held {
            function: words.next().unwrap(),
            execution: words.next().unwrap(),
            pid: words.next().unwrap().parse().unwrap(),
            body: words.next().unwrap_or_default(),
            _stream: stream,
        }
    }
}

/// Waits for a condition with a limit.
pub(crate) async fn until<T>(mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait)
        .await
        .expect("the condition came true")
}

/// Status and JSON body of an answer; a body that is not JSON becomes a string.
pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

/// A query string of `queries`.
pub(crate) fn queries(queries: &[Value]) -> String {
    let encode = |query: &Value| {
        let text = query.to_string();
        let text = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
        format!("queries%5B%5D={text}")
    };
    queries.iter().map(encode).collect::<Vec<_>>().join("&")
}

/// Compares the keys of a JSON object with those Appwrite 1.9.6 answered.
pub(crate) fn assert_recorded_keys(kind: &str, json: &Value) {
    let recorded: Value =
        serde_json::from_str(include_str!("fixtures/recorded-keys.json")).unwrap();
    let mut keys: Vec<&String> = json.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(json!(keys), recorded[kind], "{kind}");
}

/// Whether a process is there (and not only waiting to be reaped).
pub(crate) fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

/// The fixture.
pub(crate) fn fixture() -> PathBuf {
    example("fixture_function")
}

/// An executable that `cargo test` builds as an example.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name)
}

/// Whether this machine has a bubblewrap that may make namespaces.
pub(crate) fn sandbox_works() -> bool {
    let options = ["--unshare-all", "--unshare-user", "--ro-bind", "/", "/"];
    std::process::Command::new("bwrap")
        .args(options)
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
}
