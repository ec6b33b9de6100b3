//! Whether a file can be parsed at all, by the end of its name.

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;

/// What keeps a file from being parsed, as a phrase that follows its name.
pub(super) fn broken(name: &str, content: &str) -> Option<String> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "json" | "webmanifest" => broken_json(content),
        "css" => broken_css(content),
        "html" | "htm" => broken_html(content).or_else(|| broken_inline(content)),
        "svg" => broken_html(content),
        "toml" => broken_toml(content),
        "yaml" | "yml" => broken_yaml(content),
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" => {
            let kind = SourceType::from_path(name).ok()?;
            let (line, problem) = broken_script(content, kind)?;
            Some(format!("can not be parsed at line {line}: {problem}"))
        }
        _ => None,
    }
}

/// Brackets within each other beyond which a script is not parsed: nobody writes as many, and
/// each costs the parser a kibibyte or more of its stack.
const NESTING_MAX: usize = 500;
/// Stack for a parser that calls itself for whatever is nested: this much, and for each byte of the
/// script as much as the shortest things that nest without brackets take, such as `!`. Only
/// what is used of it is ever real memory.
const STACK_BYTES: usize = 16 * 1024 * 1024;
const STACK_BYTES_A_BYTE: usize = 4 * 1024;

/// The first line that is no JavaScript (or TypeScript), and why. A script that could exhaust
/// the stack is not parsed: that would end the process.
fn broken_script(content: &str, kind: SourceType) -> Option<(usize, String)> {
    if nesting(content) > NESTING_MAX {
        return None;
    }
    let stack = STACK_BYTES + STACK_BYTES_A_BYTE * content.len();
    let parser = std::thread::Builder::new().stack_size(stack);
    std::thread::scope(|scope| {
        let parsed = parser.spawn_scoped(scope, || parse_script(content, kind));
        parsed.ok()?.join().ok()?
    })
}

/// The most brackets that are open at once, wherever they stand.
fn nesting(content: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in content.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn parse_script(content: &str, kind: SourceType) -> Option<(usize, String)> {
    // Whether it is a module shows in what it says.
    let kind = match kind.is_typescript() || kind.is_commonjs() {
        true => kind,
        false => kind.with_unambiguous(true).with_jsx(true),
    };
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, content, kind).parse();
    let problem = parsed.diagnostics.first()?;
    let place = problem.labels.first();
    let place = place.map_or(0, |label| label.span().start as usize);
    Some((line_of(content, place), problem.message.to_string()))
}

/// The scripts that stand in a page.
fn broken_inline(content: &str) -> Option<String> {
    let lower = content.to_ascii_lowercase();
    let mut from = 0;
    while let Some(start) = lower[from..].find("<script").map(|at| from + at) {
        let body = start + lower[start..].find('>')? + 1;
        let end = body + lower[body..].find("</script")?;
        let tag = &lower[start..body];
        let is_script =
            !tag.contains("type") || tag.contains("module") || tag.contains("javascript");
        if is_script
            && let Some((line, problem)) =
                broken_script(&content[body..end], SourceType::unambiguous())
        {
            let line = line_of(content, body) + line - 1;
            return Some(format!(
                "has a script that can not be parsed at line {line}: {problem}"
            ));
        }
        from = end;
    }
    None
}

fn broken_toml(content: &str) -> Option<String> {
    let problem = toml::de::DeTable::parse(content).err()?;
    let line = line_of(content, problem.span().map_or(0, |span| span.start));
    let message = problem.message();
    Some(format!("is not valid TOML at line {line}: {message}"))
}

fn broken_yaml(content: &str) -> Option<String> {
    let problem = saphyr_parser::Parser::new_from_str(content).find_map(Result::err)?;
    let line = problem.marker().line();
    Some(format!(
        "is not valid YAML at line {line}: {}",
        problem.info()
    ))
}

fn line_of(content: &str, place: usize) -> usize {
    content.as_bytes()[..place.min(content.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

fn broken_json(content: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(content)
        .err()
        .map(|cause| format!("is not valid JSON: {cause}"))
}

/// Braces of a style sheet, outside comments and strings.
fn broken_css(content: &str) -> Option<String> {
    let (mut open, mut rest) = (Vec::new(), content);
    let line = |rest: &str| content[..content.len() - rest.len()].matches('\n').count() + 1;
    while let Some(place) = rest.find(['{', '}', '"', '\'', '/']) {
        rest = &rest[place..];
        let first = rest.chars().next().unwrap_or_default();
        let skipped = match first {
            '/' if rest.starts_with("/*") => match rest[2..].find("*/") {
                Some(end) => end + 4,
                None => return Some(format!("has a comment at line {} without end", line(rest))),
            },
            '"' | '\'' => {
                let end = rest[1..].find([first, '\n']);
                end.map_or(rest.len(), |end| end + 2)
            }
            '{' => {
                open.push(line(rest));
                1
            }
            '}' if open.pop().is_none() => {
                return Some(format!("closes at line {} what was not opened", line(rest)));
            }
            _ => 1,
        };
        rest = &rest[skipped.min(rest.len())..];
    }
    open.pop()
        .map(|line| format!("does not close the `{{` of line {line}"))
}

/// Parts of a page that swallow everything behind them if they are not closed.
fn broken_html(content: &str) -> Option<String> {
    let lower = content.to_ascii_lowercase();
    let pairs = [
        ("<!--", "-->"),
        ("<script", "</script"),
        ("<style", "</style"),
    ];
    pairs.into_iter().find_map(|(start, end)| {
        let last = lower.rfind(start)?;
        let line = lower[..last].matches('\n').count() + 1;
        // A picture's style may close itself.
        let tail = &lower[last..];
        let closes_itself = tail.find('>').is_some_and(|end| tail[..end].ends_with('/'));
        (!closes_itself && !tail.contains(end))
            .then(|| format!("does not close the `{start}` of line {line}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::FILE_BYTES_MAX;

    #[test]
    fn a_file_nested_deeper_than_anyone_writes_is_not_parsed() {
        let nested = |times| format!("{}1{}", "(".repeat(times), ")".repeat(times));
        assert_eq!(broken("a.js", &nested(NESTING_MAX)), None);
        let open = |times: usize| "(".repeat(times);
        assert!(broken("a.js", &open(NESTING_MAX)).is_some());
        assert_eq!(broken("a.js", &open(NESTING_MAX + 1)), None);
        // Opened and closed as often as anybody likes.
        assert_eq!(broken("a.js", &"(1);".repeat(10 * NESTING_MAX)), None);
    }

    #[test]
    fn whatever_nests_without_brackets_leaves_the_process_alive() {
        for (name, part) in [
            ("a.js", "!"),
            ("a.js", "-"),
            ("a.js", "a=>"),
            ("a.js", "a="),
            ("a.js", "a?"),
            ("a.js", "a?a:"),
            ("a.js", "a**"),
            ("a.js", "a+"),
            ("a.js", "a:"),
            ("a.js", "if(a)"),
            ("a.js", "if(a){}else "),
            ("a.js", "new "),
            ("a.js", "await "),
            ("a.js", "do "),
            ("a.jsx", "<a>"),
            ("a.jsx", "<a b=<a b="),
            ("a.ts", "let a:A<"),
            ("a.ts", "type A=B extends C?"),
            ("a.ts", "type A=keyof "),
            ("a.ts", "<A>"),
            ("a.yaml", "["),
            ("a.yaml", "- "),
            ("a.yaml", "? "),
            ("a.toml", "a=["),
            ("a.toml", "a."),
            ("a.json", "["),
            ("a.html", "<script>("),
            ("a.css", "a{"),
        ] {
            // The stack grows with the script, so a part of the longest tells as much.
            let content = part.repeat(FILE_BYTES_MAX / 8 / part.len());
            let _ = broken(name, &content);
        }
    }
}
