//! Tells the bus of committed changes of buckets and files.

use serde_json::Value;

use super::bucket::Bucket;
use super::file::File;
use crate::auth::Caller;
use crate::bus::{Bus, Event};
use crate::events::Verb;
use crate::permissions::{self, Action};
use crate::store::Writer;

/// Names of a file's event, most specific first (Appwrite 1.9.6).
fn file_names(bucket: &str, file: &str, verb: Verb) -> Vec<String> {
    let mut names = Vec::with_capacity(10);
    for suffix in [format!(".{}", verb.word()), String::new()] {
        for (bucket, file) in [(bucket, file), ("*", "*"), (bucket, "*"), ("*", file)] {
            names.push(format!("buckets.{bucket}.files.{file}{suffix}"));
        }
    }
    names.extend([format!("buckets.{bucket}"), "buckets.*".to_owned()]);
    names
}

/// Realtime channels of a file's event: three, and each with the verb behind it.
fn file_channels(bucket: &str, file: &str, verb: Verb) -> Vec<String> {
    let mut channels = vec![
        "files".to_owned(),
        format!("buckets.{bucket}.files"),
        format!("buckets.{bucket}.files.{file}"),
    ];
    let with_verb: Vec<String> = channels
        .iter()
        .map(|channel| format!("{channel}.{}", verb.word()))
        .collect();
    channels.extend(with_verb);
    channels
}

/// Publishes the change of a file, which its readers hear of on Realtime.
pub(super) fn file(
    db: &mut Writer,
    bus: &Bus,
    bucket: &Bucket,
    file: &File,
    verb: Verb,
    caller: &Caller,
) {
    let mut readers: Vec<String> = permissions::roles(&bucket.permissions, Action::Read)
        .map(str::to_owned)
        .collect();
    if bucket.file_security {
        readers.extend(permissions::roles(&file.permissions, Action::Read).map(str::to_owned));
    }
    let names = file_names(&bucket.id, &file.id, verb);
    let event = Event {
        realtime_names: names.clone().into(),
        names: names.into(),
        channels: file_channels(&bucket.id, &file.id, verb),
        readers,
        payload: file.json(),
        user_id: caller.user_id().map(str::to_owned),
    };
    bus.publish_after_commit(db, event);
}

/// Publishes the change of a bucket, which functions hear of.
pub(super) fn bucket(db: &mut Writer, bus: &Bus, id: &str, payload: Value, verb: Verb) {
    let word = verb.word();
    let names = vec![
        format!("buckets.{id}.{word}"),
        format!("buckets.*.{word}"),
        format!("buckets.{id}"),
        "buckets.*".to_owned(),
    ];
    let event = Event {
        realtime_names: names.clone().into(),
        names: names.into(),
        channels: Vec::new(),
        readers: Vec::new(),
        payload,
        user_id: None,
    };
    bus.publish_after_commit(db, event);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_published_order() {
        let names = file_names("b", "f", Verb::Create);
        assert_eq!(
            names,
            [
                "buckets.b.files.f.create",
                "buckets.*.files.*.create",
                "buckets.b.files.*.create",
                "buckets.*.files.f.create",
                "buckets.b.files.f",
                "buckets.*.files.*",
                "buckets.b.files.*",
                "buckets.*.files.f",
                "buckets.b",
                "buckets.*",
            ]
        );
    }
}
