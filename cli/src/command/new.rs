//! `orchestrator new`: hands in a brief, from a file, flags or an editor.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::args::task::NewArgs;
use crate::brief::{self, Fields};
use crate::desk::Desk;
use crate::editor;
use crate::output::Output;
use crate::submit;
use crate::trouble::{Exit, Trouble};

/// Where a brief from an editor is kept that was not taken.
const KEPT: &str = "brief.toml";

/// Checks a brief, hands it in and says where it goes on.
///
/// # Errors
/// A brief that is not valid, or a platform that does not start or answer.
pub(crate) async fn new(args: NewArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    let Some((fields, typed)) = typed(&args)? else {
        output.note("Nothing was typed, so nothing is sent.");
        return Ok(Exit::Done.into());
    };
    let sent = Desk::with(&args.platform, async |desk| {
        let request = submit::request_id(&fields)?;
        let task = submit::submit(&desk.session.client, fields, &request).await?;
        output.accepted(&task);
        desk.goes_on(&task, args.watch, &output).await
    });
    match (sent.await, typed) {
        (Ok(code), typed) => {
            if let Some(path) = typed {
                let _ = std::fs::remove_file(path);
            }
            Ok(code)
        }
        (Err(error), None) => Err(error),
        (Err(error), Some(path)) => Err(kept(error, &path)),
    }
}

/// The brief that is meant, and the file that it was typed into. `None` if nothing was typed.
fn typed(args: &NewArgs) -> anyhow::Result<Option<(Fields, Option<PathBuf>)>> {
    let given = match &args.brief {
        None => None,
        Some(path) => Some((brief::read_text(path)?, path.display().to_string())),
    };
    let has_flags = args.has_fields();
    let is_at_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if args.edit || (given.is_none() && !has_flags && is_at_terminal) {
        if has_flags {
            return Err(Trouble::refused(
                "invalid_brief",
                "--edit opens a file or an empty brief; leave the other flags out.",
            )
            .into());
        }
        let text = given.map_or_else(|| brief::TEMPLATE.to_owned(), |(text, _)| text);
        return edited(args, &text);
    }
    let (mut fields, name) = match given {
        Some((text, name)) => (brief::parse(&text, &name)?, name),
        None if has_flags => (Fields::new(), "What the flags say".to_owned()),
        None => {
            return Err(Trouble::refused(
                "no_brief",
                "There is no brief: name a file (`-` is standard input), give --name, --type and --description, or run this at a terminal, where an editor opens.",
            )
            .into());
        }
    };
    add_flags(&mut fields, args)?;
    brief::check(&fields, &name)?;
    Ok(Some((fields, None)))
}

/// What was typed into an editor that began with `text`.
fn edited(args: &NewArgs, text: &str) -> anyhow::Result<Option<(Fields, Option<PathBuf>)>> {
    let path = crate::data::Data::share(&args.platform.data)?.path(KEPT);
    editor::write(&path, text)?;
    editor::open(&path)?;
    let name = "What was typed";
    let read = || {
        let fields = brief::parse(&brief::read_text(&path)?, name)?;
        if is_empty(&fields) {
            return Ok(None);
        }
        brief::check(&fields, name)?;
        Ok(Some((fields, Some(path.clone()))))
    };
    read().map_err(|error| kept(error, &path))
}

fn is_empty(fields: &Fields) -> bool {
    let is_blank = |name: &str| {
        fields
            .get(name)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
    };
    is_blank("name") && is_blank("description")
}

/// An error about what was typed, which is not lost.
fn kept(error: anyhow::Error, path: &std::path::Path) -> anyhow::Error {
    let kept = format!(
        "What was typed is kept in {path}; `orchestrator new --edit {path}` goes on with it.",
        path = path.display()
    );
    match error.downcast::<Trouble>() {
        Ok(mut trouble) => {
            trouble.advice = Some(kept);
            trouble.into()
        }
        Err(error) => error.context(kept),
    }
}

fn add_flags(fields: &mut Fields, args: &NewArgs) -> anyhow::Result<()> {
    let texts = [
        ("name", &args.name),
        ("description", &args.description),
        ("type", &args.project_type),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            fields.insert(name.to_owned(), text.as_str().into());
        }
    }
    if !args.requirement.is_empty() {
        let known = fields.entry("requirements").or_insert_with(|| json!([]));
        let more = args.requirement.iter().cloned().map(Value::from);
        match known.as_array_mut() {
            Some(known) => known.extend(more),
            None => *known = more.collect(),
        }
    }
    let mut options = args.option.iter();
    options.try_for_each(|typed| brief::set_option(fields, typed))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn args(flags: &[&str]) -> NewArgs {
        let line = ["orchestrator", "new"].iter().chain(flags);
        let Command::New(args) = Args::try_parse_from(line).unwrap().command else {
            panic!("it is no `new`");
        };
        *args
    }

    #[test]
    fn flags_are_a_brief_and_change_one() {
        let flags = [
            "--name=n",
            "--type=api",
            "--description=d",
            "--requirement=a",
            "--requirement=b",
            "--option=approval=plan",
        ];
        let (fields, kept) = typed(&args(&flags)).unwrap().unwrap();
        let expected = json!({"name": "n", "type": "api", "description": "d",
            "requirements": ["a", "b"], "options": {"approval": "plan"}});
        assert_eq!((Value::Object(fields), kept), (expected, None));

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("brief.json");
        let known = json!({"name": "n", "type": "web", "description": "d", "requirements": ["a"]});
        std::fs::write(&file, known.to_string()).unwrap();
        let flags = [file.to_str().unwrap(), "--name=other", "--requirement=b"];
        let (fields, _) = typed(&args(&flags)).unwrap().unwrap();
        assert_eq!(fields["name"], "other");
        assert_eq!(fields["requirements"], json!(["a", "b"]));
    }

    #[test]
    fn every_flag_that_breaks_a_rule_is_named() {
        let flags = ["--name=", "--type=game", "--option=turbo=yes"];
        let error = typed(&args(&flags)).unwrap_err();
        insta::assert_snapshot!(crate::trouble::told(&error).text, @r"
        What the flags say is not a valid brief:
          name must not be empty
          description is missing
          type must be one of web, mobile, api, fullstack
          options.turbo is not an option (requestId, approval, visibility, repository, branch, organization, topics, workflows, budgetUsd, parallelism, assignmentsMax, speed, preview)
        ");
    }

    #[test]
    fn what_was_typed_is_not_lost() {
        let error = brief::check(&Fields::new(), "What was typed").unwrap_err();
        let told = crate::trouble::told(&kept(error, std::path::Path::new("/d/brief.toml")));
        insta::assert_snapshot!(told.text, @r"
        What was typed is not a valid brief:
          name is missing
          description is missing
          type is missing: it must be one of web, mobile, api, fullstack
        What was typed is kept in /d/brief.toml; `orchestrator new --edit /d/brief.toml` goes on with it.
        ");
    }
}
