//! Checks of the page's markup, on its tags.

use super::Problem;

/// A start tag with its place.
struct Tag<'a> {
    line: usize,
    name: &'a str,
    attributes: &'a str,
    /// The text up to the next tag.
    text: &'a str,
}

impl Tag<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        let mut rest = self.attributes;
        while let Some((before, after)) = rest.split_once(&format!("{name}=\"")) {
            let (value, following) = after.split_once('"')?;
            if before.is_empty() || before.ends_with(char::is_whitespace) {
                return Some(value);
            }
            rest = following;
        }
        None
    }
}

fn tags(html: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut offset = 0;
    while let Some(open) = html[offset..].find('<') {
        let start = offset + open + 1;
        let Some(end) = html[start..].find('>').map(|length| start + length) else {
            break;
        };
        let inside = &html[start..end];
        offset = end + 1;
        if inside.starts_with(|character: char| character.is_ascii_alphabetic()) {
            let (name, attributes) = inside
                .split_once(char::is_whitespace)
                .unwrap_or((inside, ""));
            let text = html[offset..].split('<').next().unwrap_or_default();
            tags.push(Tag {
                line: html[..start].matches('\n').count() + 1,
                name,
                attributes: attributes.trim(),
                text,
            });
        }
    }
    tags
}

fn problem(path: &str, line: usize, problem: &str, required_change: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        line,
        problem: problem.to_owned(),
        required_change: required_change.to_owned(),
    }
}

/// The text box has a label that can be seen, and there is a button `Add`.
pub(super) fn labelled_form(path: &str, html: &str) -> Result<String, Problem> {
    let tags = tags(html);
    let Some(input) = tags
        .iter()
        .find(|tag| tag.name == "input" && tag.attribute("type") == Some("text"))
    else {
        return Err(problem(
            path,
            1,
            "the page has no text box",
            "add a text box with a label",
        ));
    };
    let id = input.attribute("id").unwrap_or_default();
    let label = tags.iter().find(|tag| {
        tag.name == "label" && tag.attribute("for") == Some(id) && !tag.text.trim().is_empty()
    });
    let hidden = label.is_none_or(|label| {
        label
            .attribute("class")
            .is_some_and(|class| class.contains("hidden"))
    });
    if id.is_empty() || hidden {
        return Err(problem(
            path,
            input.line,
            "the text box has no visible label",
            "add <label for=…> with text before it",
        ));
    }
    if !tags
        .iter()
        .any(|tag| tag.name == "button" && tag.text.trim() == "Add")
    {
        return Err(problem(
            path,
            input.line,
            "the form has no button `Add`",
            "add <button type=\"submit\">Add</button>",
        ));
    }
    Ok(format!(
        "label for `{id}` at line {}, button `Add` present",
        label.map_or(0, |label| label.line)
    ))
}

/// A content security policy is set, and nothing is inline.
pub(super) fn strict_policy(path: &str, html: &str) -> Result<String, Problem> {
    let tags = tags(html);
    let policy = tags.iter().find(|tag| {
        tag.name == "meta" && tag.attribute("http-equiv") == Some("Content-Security-Policy")
    });
    let Some(policy) = policy else {
        return Err(problem(
            path,
            1,
            "the page sets no content security policy",
            "add the meta element",
        ));
    };
    if policy.attributes.contains("unsafe-") || !policy.attributes.contains("script-src 'self'") {
        return Err(problem(
            path,
            policy.line,
            "the policy allows foreign or inline scripts",
            "use script-src 'self'",
        ));
    }
    for tag in &tags {
        let handler = tag
            .attributes
            .split_whitespace()
            .any(|word| word.starts_with("on") && word.contains('='));
        let script = tag.name == "script" && tag.attribute("src").is_none();
        if handler || script || tag.name == "style" || tag.attribute("style").is_some() {
            return Err(problem(
                path,
                tag.line,
                "the page has inline code, which its policy forbids",
                "move it into a file",
            ));
        }
    }
    Ok(format!(
        "policy at line {}, nothing inline in {} tags",
        policy.line,
        tags.len()
    ))
}

/// The page says who made it.
pub(super) fn honest_page(path: &str, html: &str) -> Result<String, Problem> {
    let lower = html.to_lowercase();
    let Some((_, footer)) = lower.split_once("<footer") else {
        return Err(problem(
            path,
            1,
            "the page has no footer",
            "add a footer that names the scripted model",
        ));
    };
    if footer.contains("scripted model") {
        Ok("the footer names the scripted model".to_owned())
    } else {
        let line = lower.matches('\n').count().max(1);
        Err(problem(
            path,
            line,
            "the footer does not say that the scripted model made the page",
            "say so",
        ))
    }
}

/// There is one main title, every section has a title, and links within the page lead somewhere.
pub(super) fn sections(path: &str, html: &str) -> Result<String, Problem> {
    let tags = tags(html);
    let titles: Vec<_> = tags.iter().filter(|tag| tag.name == "h1").collect();
    if titles.len() != 1 {
        let line = titles.get(1).map_or(1, |second| second.line);
        return Err(problem(
            path,
            line,
            "the page does not have exactly one main title",
            "write one <h1>",
        ));
    }
    let has = |id: &str| tags.iter().any(|tag| tag.attribute("id") == Some(id));
    let sections = || tags.iter().filter(|tag| tag.name == "section");
    let untitled = |tag: &&Tag| !tag.attribute("aria-labelledby").is_some_and(has);
    if let Some(section) = sections().find(untitled) {
        return Err(problem(
            path,
            section.line,
            "a section has no title",
            "name the id of its heading in aria-labelledby",
        ));
    }
    let place = |tag: &Tag| {
        tag.attribute("href")
            .and_then(|it| it.strip_prefix('#').map(has))
    };
    if let Some(link) = tags.iter().find(|tag| place(tag) == Some(false)) {
        return Err(problem(
            path,
            link.line,
            "a link leads nowhere",
            "name a place that the page has",
        ));
    }
    Ok(format!(
        "{} sections, each with a title",
        sections().count()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_label_is_found() {
        let page = "<form>\n<input id=\"a\" type=\"text\">\n<button>Add</button></form>";
        assert_eq!(labelled_form("p", page).unwrap_err().line, 2);
        let good = page.replace("<input", "<label for=\"a\">New</label><input");
        assert!(labelled_form("p", &good).is_ok());
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let page = "<h1>A</h1>\n<section aria-labelledby=\"b\"><h2 id=\"b\">B</h2></section>\n<a href=\"#b\">B</a>";
        assert!(sections("p", page).is_ok());
        for (broken, line) in [
            (page.replace("#b", "#c"), 3),
            (page.replace("by=\"b", "by=\"c"), 2),
            (page.replace("h1", "h3"), 1),
        ] {
            assert_eq!(sections("p", &broken).unwrap_err().line, line, "{broken}");
        }
    }

    #[test]
    fn inline_code_is_found() {
        let head = "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'self'\">\n";
        assert!(strict_policy("p", &format!("{head}<p>it says onclick=&quot;x&quot;</p>")).is_ok());
        assert!(strict_policy("p", &format!("{head}<p onclick=\"x()\">a</p>")).is_err());
        assert!(strict_policy("p", &format!("{head}<script>x()</script>")).is_err());
    }
}
