//! The files inside a review request.

use super::Problem;

/// Files in the order of the request.
pub(crate) struct Files(Vec<(String, String)>);

impl Files {
    /// Reads every `<file_DELIM path="…">`, content, `</file_DELIM>`. The delimiter of the first
    /// file holds for all, so a file that quotes other tags stays one file.
    pub(crate) fn parse(text: &str) -> Self {
        let mut files = Vec::new();
        let mut delimiter: Option<&str> = None;
        let mut lines = text.split_inclusive('\n');
        while let Some(line) = lines.next() {
            let Some((found, path)) = opening(line.trim_end()) else {
                continue;
            };
            if delimiter.is_some_and(|known| known != found) {
                continue;
            }
            delimiter = Some(found);
            let close = format!("</file_{found}>");
            let mut content = String::new();
            for line in lines.by_ref() {
                if line.trim_end() == close {
                    break;
                }
                content.push_str(line);
            }
            files.push((path, content));
        }
        Self(files)
    }

    pub(crate) fn first_path(&self) -> Option<&str> {
        self.0.first().map(|(path, _)| path.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_str()))
    }

    /// The content of one file, or the problem that it is missing.
    pub(crate) fn get(&self, path: &str) -> Result<&str, Problem> {
        self.iter()
            .find(|(known, _)| names(known, path))
            .map(|(_, content)| content)
            .ok_or_else(|| Problem {
                path: self.first_path().unwrap_or(path).to_owned(),
                line: 1,
                problem: format!("`{path}` is missing or empty"),
                required_change: format!("write `{path}`"),
            })
    }

    /// Where the file lies that checks call `path`.
    pub(crate) fn place(&self, path: &str) -> String {
        let known = self.iter().map(|(known, _)| known);
        let mut found = known.filter(|known| names(known, path));
        found.next().unwrap_or(path).to_owned()
    }
}

/// Whether checks mean the file at `known` by `path`: a site may have a folder of its own.
fn names(known: &str, path: &str) -> bool {
    known == path || known.strip_prefix("site/") == Some(path)
}

fn opening(line: &str) -> Option<(&str, String)> {
    let rest = line.strip_prefix("<file_")?.strip_suffix('>')?;
    let (delimiter, path) = rest.split_once(" path=")?;
    let valid = !delimiter.is_empty()
        && delimiter
            .chars()
            .all(|character| character.is_ascii_alphanumeric());
    Some((delimiter, serde_json::from_str(path).ok()?)).filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_tags_stay_in_their_file() {
        let text = "\n<file_a1 path=\"x \\\"y\\\".js\">\nconst a = 1;\n<file_b2 path=\"no\">\n</file_b2>\n</file_a1>\n<file_a1 path=\"z\">\n</file_a1>\n";
        let files = Files::parse(text);
        let all: Vec<_> = files.iter().collect();
        assert_eq!(
            all,
            [
                (
                    "x \"y\".js",
                    "const a = 1;\n<file_b2 path=\"no\">\n</file_b2>\n"
                ),
                ("z", "")
            ]
        );
    }
}
