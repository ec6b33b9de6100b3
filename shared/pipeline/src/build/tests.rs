use super::*;
use crate::limits::{
    BUILD_ERROR_LINES_MAX, BUILD_LOG_CHARS_MAX, BUILD_LOG_LINE_CHARS_MAX, BUILD_LOG_LINES_MAX,
};
use crate::path::SafePath;
use crate::workspace::FileVersion;

/// The first error of a bundler, as Vite prints it.
const VITE: &str = "\u{1b}[36mvite v7.1.0 \u{1b}[32mbuilding for production...\u{1b}[39m\n✓ 12 modules transformed.\n\u{1b}[31m✗\u{1b}[39m Build failed in 120ms\n\u{1b}[31merror during build:\n\u{1b}[31m[vite]: Rollup failed to resolve import \"./total.js\" from \"/mnt/code/source/src/ui/list.js\".\nThis is most likely unintended.\u{1b}[39m\n    at viteLog (file:///mnt/code/source/node_modules/vite/dist/node/chunks/dep.js:1:2)\n\nnpm error Lifecycle script `build` failed\n";
/// The same as esbuild prints it: the file comes after an empty line.
const ESBUILD: &str = "> app@1.0.0 build\n> esbuild\n\n✘ [ERROR] Could not resolve \"./total\"\n\n    src/ui/list.js:3:7:\n      3 │ import \"./total\"\n        ╵        ~~~~~~~\n\n1 error\n";
/// The same as Node prints it: the file comes first.
const NODE: &str = "> node build.mjs\n\n/usr/local/build/src/ui/list.js:3\nfunctio list() {\n        ^^^^\n\nSyntaxError: Unexpected identifier 'list'\n    at compileSourceTextModule (node:internal/modules/esm/utils:305:16)\n\nNode.js v22.0.0\n";
const TSC: &str = "src/ui/list.ts(3,5): error TS2304: Cannot find name 'total'.\n";

fn owner(assignment: &str, owns: &[&str]) -> Owner {
    Owner {
        assignment: assignment.to_owned(),
        owns: owns.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn files(paths: &[(&str, &str)]) -> Workspace {
    let version = |(path, by): &(&str, &str)| FileVersion {
        path: SafePath::parse(path).unwrap(),
        content: Some("x".to_owned()),
        assignment: (*by).to_owned(),
        round: 1,
    };
    Workspace::of(&paths.iter().map(version).collect::<Vec<_>>())
}

fn places(owners: &[Owner], files: &Workspace, error: &str) -> Vec<(String, String, u32)> {
    let rework = rework(owners, files, error, 1);
    let place = |item: &Rework| {
        let finding = &item.findings[0];
        (item.assignment.clone(), finding.path.clone(), finding.line)
    };
    rework.iter().map(place).collect()
}

fn place(assignment: &str, path: &str, line: u32) -> (String, String, u32) {
    (assignment.to_owned(), path.to_owned(), line)
}

#[test]
fn the_first_error_is_found_in_logs_of_many_tools() {
    for (log, said) in [
        (
            VITE,
            "[vite]: Rollup failed to resolve import \"./total.js\" from \"/mnt/code/source/src/ui/list.js\".",
        ),
        ("Error: build failed", "Error: build failed"),
        (ESBUILD, "✘ [ERROR] Could not resolve \"./total\""),
        (NODE, "SyntaxError: Unexpected identifier 'list'"),
        (
            TSC,
            "src/ui/list.ts(3,5): error TS2304: Cannot find name 'total'.",
        ),
        ("building\nsegmentation", "segmentation"),
        ("", "its log is empty"),
        (
            "$ a || echo error\n> b error\n+ c error\nError: x",
            "Error: x",
        ),
        (
            "npm warn deprecated error-ex@1\n0 errors\nError: x",
            "Error: x",
        ),
    ] {
        assert_eq!(headline(&BuildLog::of(log).error), said);
    }
}

#[test]
fn who_owns_the_files_that_an_error_names_repairs_it() {
    let owners = [
        owner("docs", &["README.md"]),
        owner("ui", &["src/ui/", "index.html"]),
        owner("data", &["package.json", "src/data.js"]),
    ];
    let files = files(&[("src/ui/list.js", "ui"), ("src/data.js", "data")]);
    let of = |log: &str| places(&owners, &files, &BuildLog::of(log).error);
    assert_eq!(of(VITE), [place("ui", "src/ui/list.js", 0)]);
    assert_eq!(of(ESBUILD), [place("ui", "src/ui/list.js", 3)]);
    assert_eq!(of(NODE), [place("ui", "src/ui/list.js", 3)]);
    // A file of its own name, wherever it is, and one that is not written yet.
    assert_eq!(of("Error in list.js:7"), [place("ui", "src/ui/list.js", 7)]);
    assert_eq!(of("error: no README.md"), [place("docs", "README.md", 0)]);
    assert_eq!(
        of("error: .\\src\\data.js:1:9 and ./src/ui/list.js"),
        [
            place("ui", "src/ui/list.js", 0),
            place("data", "src/data.js", 1)
        ]
    );
}

#[test]
fn where_no_file_is_named_the_owner_of_the_configuration_repairs_or_all_do() {
    let none = Workspace::default();
    let mut owners = vec![
        owner("ui", &["src/"]),
        owner("tool", &["vite.config.js"]),
        owner("data", &["package.json"]),
    ];
    let error = "Error: out of luck, see https://example.com/a.js";
    let of = |owners: &[Owner]| places(owners, &none, error);
    assert_eq!(of(&owners), [place("data", "package.json", 0)]);
    owners.pop();
    assert_eq!(of(&owners), [place("tool", "vite.config.js", 0)]);
    owners.pop();
    owners.push(owner("docs", &["README.md"]));
    assert_eq!(of(&owners), [place("ui", "", 0), place("docs", "", 0)]);
    assert_eq!(of(&[]), []);
}

#[test]
fn nobody_who_shares_a_file_is_asked_but_who_wrote_it_last() {
    let owners = [owner("ui", &["src/ui.js"]), owner("data", &["src/data.js"])];
    let files = files(&[("old.js", "data"), ("given.js", "shared")]);
    let of = |error: &str| places(&owners, &files, error);
    assert_eq!(of("error in old.js"), [place("data", "old.js", 0)]);
    assert_eq!(of("error in given.js").len(), 2);
}

#[test]
fn a_log_is_kept_as_plain_text_within_its_limits() {
    let plain = |log: &str| BuildLog::of(log).tail;
    assert_eq!(
        plain("one\r\n\u{1b}[90m[20:45:02] \u{1b}[0mappwrite\u{1b}[32m done \u{1b}[0m\n"),
        "one\n[20:45:02] appwrite done"
    );
    assert_eq!(
        plain("a\u{1b}]0;title\u{7}b\u{1b}]8;;x\u{1b}\\c\u{9b}1md\u{8}\u{202e}e\u{200b}f\0"),
        "abcdef"
    );
    assert_eq!(plain("10%\r50%\rdone"), "10%\n50%\ndone");
    assert_eq!(plain("cut \u{1b}[9"), "cut");
    assert_eq!(plain("x\u{1b}"), "x");
    let lines = |count: usize| "line\n".repeat(count);
    assert_eq!(
        plain(&lines(BUILD_LOG_LINES_MAX)).lines().count(),
        BUILD_LOG_LINES_MAX
    );
    let more = lines(BUILD_LOG_LINES_MAX) + "end";
    assert_eq!(plain(&more).lines().count(), BUILD_LOG_LINES_MAX);
    assert!(plain(&more).ends_with("end"));
    let long = "x".repeat(BUILD_LOG_LINE_CHARS_MAX);
    assert_eq!(plain(&long), long);
    let cut = plain(&(long.clone() + "y"));
    assert_eq!(cut.chars().count(), BUILD_LOG_LINE_CHARS_MAX);
    assert!(cut.ends_with('…'));
    let much = plain(&format!("{long}\n").repeat(50));
    assert!(much.chars().count() <= BUILD_LOG_CHARS_MAX && much.len() > BUILD_LOG_CHARS_MAX / 2);
}

#[test]
fn an_error_is_kept_within_its_limits() {
    let long = format!("Error: x\n{}", "at y\n".repeat(BUILD_ERROR_LINES_MAX));
    let error = BuildLog::of(&long).error;
    assert_eq!(error.lines().count(), BUILD_ERROR_LINES_MAX);
    let wide = format!("{}\n", "error ".repeat(50)).repeat(10);
    assert_eq!(BuildLog::of(&wide).error.chars().count(), FINDING_CHARS_MAX);
    let rework = rework(&[owner("a", &["a.js"])], &Workspace::default(), &wide, 1);
    assert_eq!(
        rework[0].findings[0].problem.chars().count(),
        FINDING_CHARS_MAX
    );
}
