//! Writes files below a folder, and nowhere else.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use pipeline::path::SafePath;

/// A folder that is written into.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes the folder where it is not there.
    ///
    /// # Errors
    /// It has files and is not to be overwritten, or it can not be made.
    pub(super) fn open(path: &Path, force: bool) -> anyhow::Result<Self> {
        let context = || format!("could not use the folder {}", path.display());
        fs::create_dir_all(path).with_context(context)?;
        let mut inside = fs::read_dir(path).with_context(context)?;
        ensure!(
            force || inside.next().is_none(),
            "{} is not empty; choose another folder, or replace files of the same paths with --force",
            path.display()
        );
        let path = path.canonicalize().with_context(context)?;
        Ok(Self { path })
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file below the folder. No link inside is followed.
    ///
    /// # Errors
    /// A path that leads elsewhere, or the disk.
    pub(super) fn write(&self, path: &str, content: &str) -> anyhow::Result<()> {
        let safe =
            SafePath::parse(path).with_context(|| format!("the file `{path}` is not written"))?;
        let context = || format!("could not write {path}");
        let mut segments: Vec<&str> = safe.as_str().split('/').collect();
        let Some(name) = segments.pop() else {
            return Ok(());
        };
        let mut folder = self.path.clone();
        for segment in segments {
            folder.push(segment);
            match fs::symlink_metadata(&folder) {
                Ok(found) => ensure!(
                    found.is_dir(),
                    "the file `{path}` is not written: {} is no folder",
                    folder.display()
                ),
                Err(_) => fs::create_dir(&folder).with_context(context)?,
            }
        }
        let (target, draft) = (folder.join(name), folder.join(format!("{name}.new")));
        // A link of that name is replaced, not followed.
        fs::write(&draft, content)
            .and_then(|()| fs::rename(&draft, &target))
            .with_context(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_below_the_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&outside).unwrap();
        let into = Folder::open(&inside, false).unwrap();
        into.write("js/app.js", "x").unwrap();
        assert_eq!(fs::read_to_string(inside.join("js/app.js")).unwrap(), "x");
        for path in ["../up.js", "/abs.js", "a/../../b.js", ".git/hooks/x"] {
            assert!(into.write(path, "x").is_err(), "{path}");
        }

        let error = Folder::open(&inside, false).err().unwrap().to_string();
        assert!(error.contains("--force"), "{error}");
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.join("target"), inside.join("file")).unwrap();
        let into = Folder::open(&inside, true).unwrap();
        assert!(into.write("link/x.js", "x").is_err());
        into.write("file", "x").unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(inside.join("file")).unwrap(), "x");
    }
}
