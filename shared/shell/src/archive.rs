//! The archive of a deployment. The same files always give the same bytes, so that an
//! upload whose answer was lost can be recognised.

use std::io::Write;

use flate2::{Compression, GzBuilder};
use pipeline::workspace::Workspace;
use pipeline::{Code, Failure};

/// Permissions of every file.
const FILE_MODE: u32 = 0o644;

/// A flat gzipped tar of the files below `folder` (`.` for all), which becomes its root, with
/// the file `own` beside them, or instead of one of them.
///
/// # Errors
/// `deploy_failed` if there are no files below `folder`. Not worth a retry.
pub fn of(files: &Workspace, folder: &str, own: Option<(&str, &str)>) -> Result<Vec<u8>, Failure> {
    let folder = folder.trim_start_matches("./").trim_matches('/');
    let prefix = if folder.is_empty() || folder == "." {
        String::new()
    } else {
        format!("{folder}/")
    };
    let encoder = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    let mut archive = tar::Builder::new(encoder);
    let mut count = 0;
    for (path, file) in files.files() {
        let name = path.as_str().strip_prefix(&prefix);
        if let Some(name) = name.filter(|name| own.is_none_or(|(own, _)| own != *name)) {
            append(&mut archive, name, file.content.as_bytes()).map_err(|cause| broken(&cause))?;
            count += 1;
        }
    }
    if count == 0 {
        return Err(Failure::new(
            Code::DeployFailed,
            format!("There are no files in the folder `{folder}` that the plan says to deploy."),
        ));
    }
    if let Some((name, text)) = own {
        append(&mut archive, name, text.as_bytes()).map_err(|cause| broken(&cause))?;
    }
    let encoder = archive.into_inner().map_err(|cause| broken(&cause))?;
    encoder.finish().map_err(|cause| broken(&cause))
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    name: &str,
    content: &[u8],
) -> std::io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(FILE_MODE);
    header.set_mtime(0);
    archive.append_data(&mut header, name, content)
}

fn broken(cause: &std::io::Error) -> Failure {
    Failure::new(
        Code::DeployFailed,
        format!("The files could not be packed: {cause}"),
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use pipeline::SafePath;

    use super::*;

    fn workspace(paths: &[&str]) -> Workspace {
        let mut workspace = Workspace::default();
        for path in paths {
            workspace
                .write(
                    SafePath::parse(path).unwrap(),
                    format!("content of {path}"),
                    "ui",
                )
                .unwrap();
        }
        workspace
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes));
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            names.push(entry.path().unwrap().display().to_string());
        }
        names
    }

    #[test]
    fn equal_files_give_equal_bytes() {
        let files = workspace(&["b", "a/x", "日本.md"]);
        assert_eq!(
            of(&files, ".", None).unwrap(),
            of(&files, "./", None).unwrap()
        );
        assert_eq!(
            names(&of(&files, ".", None).unwrap()),
            ["a/x", "b", "日本.md"]
        );
    }

    #[test]
    fn only_the_served_folder_is_packed() {
        let files = workspace(&["dist/index.html", "dist2/x", "README.md"]);
        assert_eq!(names(&of(&files, "dist", None).unwrap()), ["index.html"]);
        assert_eq!(
            of(&files, "build", None).unwrap_err().code,
            Code::DeployFailed
        );
    }

    #[test]
    fn the_own_file_is_there_once() {
        let files = workspace(&["app.json", "index.html"]);
        let bytes = of(&files, ".", Some(("app.json", "{}"))).unwrap();
        assert_eq!(names(&bytes), ["index.html", "app.json"]);
    }

    #[test]
    fn long_paths_are_kept_whole() {
        let long = format!("{}/file.txt", "d".repeat(200));
        assert_eq!(names(&of(&workspace(&[&long]), ".", None).unwrap()), [long]);
    }
}
