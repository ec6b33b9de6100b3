//! Cutting the files of one tree into requests.

use std::ops::Range;

use crate::object::Leaf;

/// The most entries of one `POST .../git/trees`. GitHub documents no limit but kills a request
/// after ten seconds; others saw that from about 200 new files on.
pub(crate) const TREE_ENTRIES_MAX: usize = 100;

/// The most bytes of content in one `POST .../git/trees`; others saw failures from 2.5 MB on.
pub(crate) const TREE_BYTES_MAX: usize = 1024 * 1024;

/// Cuts the files, in their order, into ranges within both limits. A file that is larger than the
/// limit gets a request of its own.
pub(crate) fn chunks(leaves: &[Leaf<'_>]) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (at, leaf) in leaves.iter().enumerate() {
        let size = leaf.file.content.len();
        let full = at - start == TREE_ENTRIES_MAX || bytes + size > TREE_BYTES_MAX;
        if full && at > start {
            chunks.push(start..at);
            start = at;
            bytes = 0;
        }
        bytes += size;
    }
    if start < leaves.len() {
        chunks.push(start..leaves.len());
    }
    chunks
}

#[cfg(test)]
mod facts {
    use super::*;
    use crate::publish::File;

    /// The sizes of the chunks, in files, of files of these sizes, in bytes.
    fn cut(sizes: &[usize]) -> Vec<usize> {
        let files: Vec<File> = sizes
            .iter()
            .enumerate()
            .map(|(at, size)| File {
                path: format!("{at:04}"),
                content: "x".repeat(*size),
                executable: false,
            })
            .collect();
        let leaves: Vec<Leaf<'_>> = files.iter().map(Leaf::of).collect();
        let chunks = chunks(&leaves);
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
}
