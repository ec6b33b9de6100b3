//! From one set of files to another: the entries to send, cut into requests.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use crate::commit::Content;
use crate::object::{Files, Leaf, Mode, Sha};
use crate::path::folders;

/// The most entries of one `POST .../git/trees`. GitHub documents no limit but kills a request
/// after ten seconds; others saw that from about 200 new files on.
pub(crate) const TREE_ENTRIES_MAX: usize = 100;

/// The most bytes of content in one `POST .../git/trees`; others saw failures from 2.5 MB on.
pub(crate) const TREE_BYTES_MAX: usize = 1024 * 1024;

/// One entry to send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) path: &'a str,
    /// What the entry was, for one that goes away.
    pub(crate) mode: Mode,
    /// What it becomes; `None` takes it away.
    pub(crate) sha: Option<Sha>,
    /// The content, unless GitHub has it already.
    pub(crate) content: Option<&'a Content>,
}

impl Item<'_> {
    /// The text that rides along with the entry.
    pub(crate) fn text(&self) -> Option<&str> {
        match self.content {
            Some(Content::Text(text)) => Some(text),
            Some(Content::Binary(_)) | None => None,
        }
    }

    fn bytes(&self) -> usize {
        self.text().map_or(0, str::len)
    }

    /// Does to `files` what GitHub does with the entry.
    pub(crate) fn apply(&self, files: &mut Files) {
        match self.sha {
            Some(sha) => {
                let mode = self.mode;
                files.insert(self.path.to_owned(), Leaf { mode, sha });
            }
            None => {
                files.remove(self.path);
            }
        }
    }
}

/// What leads from one set of files to another: first everything that goes away, then the rest,
/// each by path.
pub(crate) fn delta<'a>(
    from: &'a Files,
    to: &'a Files,
    contents: &HashMap<Sha, &'a Content>,
) -> Vec<Item<'a>> {
    let gone = from.iter().filter(|(path, _)| !to.contains_key(*path));
    let gone = gone.map(|(path, leaf)| Item {
        path,
        mode: leaf.mode,
        sha: None,
        content: None,
    });
    let new = to
        .iter()
        .filter(|(path, leaf)| from.get(*path) != Some(*leaf));
    let new = new.map(|(path, leaf)| Item {
        path,
        mode: leaf.mode,
        sha: Some(leaf.sha),
        content: contents.get(&leaf.sha).copied(),
    });
    gone.chain(new).collect()
}

/// Cuts the entries, in their order, into ranges within both limits. One that is larger than the
/// limit gets a request of its own. Where a file takes the place of a folder or the other way
/// round, what goes away goes with a request of its own.
pub(crate) fn chunks(items: &[Item<'_>]) -> Vec<Range<usize>> {
    let gone = items.iter().take_while(|item| item.sha.is_none()).count();
    let cut = (gone > 0 && swaps(items)).then_some(gone);
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (at, item) in items.iter().enumerate() {
        let size = item.bytes();
        let full = at - start == TREE_ENTRIES_MAX || bytes + size > TREE_BYTES_MAX;
        if (full || Some(at) == cut) && at > start {
            chunks.push(start..at);
            start = at;
            bytes = 0;
        }
        bytes += size;
    }
    if start < items.len() {
        chunks.push(start..items.len());
    }
    chunks
}

/// Whether something that goes away has the path of a folder of something new, or the reverse.
fn swaps(items: &[Item<'_>]) -> bool {
    let (gone, new): (Vec<&Item<'_>>, Vec<&Item<'_>>) =
        items.iter().partition(|item| item.sha.is_none());
    let meets = |one: &[&Item<'_>], other: &[&Item<'_>]| {
        let files: BTreeSet<&str> = one.iter().map(|item| item.path).collect();
        let mut inside = other.iter().flat_map(|item| folders(item.path));
        inside.any(|folder| files.contains(folder))
    };
    meets(&gone, &new) || meets(&new, &gone)
}

#[cfg(test)]
mod facts {
    use super::*;
    use crate::object::blob_sha;

    /// The sizes of the chunks, in entries, of files of these sizes, in bytes.
    fn cut(sizes: &[usize]) -> Vec<usize> {
        let contents: Vec<Content> = sizes
            .iter()
            .map(|size| Content::Text("x".repeat(*size)))
            .collect();
        let paths: Vec<String> = (0..sizes.len()).map(|at| format!("{at:04}")).collect();
        let items: Vec<Item<'_>> = contents
            .iter()
            .zip(&paths)
            .map(|(content, path)| Item {
                path,
                mode: Mode::FILE,
                sha: Some(blob_sha(b"")),
                content: Some(content),
            })
            .collect();
        let chunks = chunks(&items);
        assert!(
            chunks.iter().cloned().flatten().eq(0..sizes.len()),
            "every file is in one chunk, in order"
        );
        chunks.iter().map(ExactSizeIterator::len).collect()
    }

    #[test]
    fn a_hundred_files_fit_and_one_more_does_not() {
        assert_eq!(cut(&[1; 1]), [1]);
        assert_eq!(cut(&[1; 100]), [100]);
        assert_eq!(cut(&[1; 101]), [100, 1]);
        assert_eq!(cut(&[1; 201]), [100, 100, 1]);
    }

    #[test]
    fn a_mebibyte_fits_and_one_byte_more_does_not() {
        assert_eq!(cut(&[TREE_BYTES_MAX - 1, 1]), [2]);
        assert_eq!(cut(&[TREE_BYTES_MAX, 1]), [1, 1]);
        assert_eq!(cut(&[1, TREE_BYTES_MAX + 1, 1]), [1, 1, 1]);
    }

    fn files(paths: &[&str]) -> Files {
        let leaf = |path: &&str| Leaf {
            mode: Mode::FILE,
            sha: blob_sha(path.as_bytes()),
        };
        paths
            .iter()
            .map(|path| ((*path).to_owned(), leaf(path)))
            .collect()
    }

    #[test]
    fn only_what_differs_is_sent() {
        let (from, to) = (files(&["a", "b", "c"]), files(&["b", "d"]));
        let items = delta(&from, &to, &HashMap::new());
        let sent: Vec<(&str, bool)> = items.iter().map(|i| (i.path, i.sha.is_some())).collect();
        assert_eq!(sent, [("a", false), ("c", false), ("d", true)]);
        assert_eq!(chunks(&items).len(), 1);
        let mut found = from.clone();
        items.iter().for_each(|item| item.apply(&mut found));
        assert_eq!(found, to);
    }

    #[test]
    fn a_file_makes_room_for_a_folder_first() {
        for (from, to) in [(["x"], ["x/a"]), (["x/a"], ["x"])] {
            let (from, to) = (files(&from), files(&to));
            assert_eq!(chunks(&delta(&from, &to, &HashMap::new())), [0..1, 1..2]);
        }
    }
}
