//! A landing page: one page that presents a product, in the words of its brief.
//!
//! Nothing is invented. A requirement that begins with the name of a place, such as
//! `Feature: A title. A text.`, is what stands there; a place that nothing is written for is
//! left out.

use std::fmt::Write as _;

use super::escape::html;
use super::{App, Part, PartId, short, template};
use crate::models::brief::{Brief, Kind};
use crate::models::features::{Coverage, Feature, coverage};

/// Where on the page a requirement's words stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Headline,
    /// What the buttons say that lead on.
    Action,
    Feature,
    Step,
    Plan,
    Question,
}

const PLACES: &[(&str, Place)] = &[
    ("headline", Place::Headline),
    ("call to action", Place::Action),
    ("feature", Place::Feature),
    ("step", Place::Step),
    ("plan", Place::Plan),
    ("question", Place::Question),
];

/// Sections that are left out while nothing is written for them: place, id, title and the name
/// in the navigation.
const SECTIONS: &[(Place, &str, &str, &str)] = &[
    (Place::Feature, "features", "What it does", "Features"),
    (Place::Step, "steps", "How it works", "How it works"),
    (Place::Plan, "plans", "What it costs", "Prices"),
    (
        Place::Question,
        "questions",
        "Questions and answers",
        "Questions",
    ),
];

/// What the marks of features are drawn as, in turn: paths in a square of 24.
const MARKS: &[&str] = &[
    "M12 3v4m0 10v4M3 12h4m10 0h4M6 6l2.5 2.5m7 7L18 18M18 6l-2.5 2.5m-7 7L6 18",
    "M4 12.5 9.5 18 20 6.5",
    "M12 3a9 9 0 1 0 9 9M12 7v5l3.5 2M17 3h4v4",
    "M4 4h6.5v6.5H4zm9.5 0H20v6.5h-6.5zM4 13.5h6.5V20H4zm9.5 0H20V20h-6.5z",
    "M12 20C5 15.5 3 12 3 8.7A4.7 4.7 0 0 1 12 7a4.7 4.7 0 0 1 9 1.7c0 3.3-2 6.8-9 11.3z",
    "M12 3 4.5 6v5.5c0 4.5 3 7.5 7.5 9.5 4.5-2 7.5-5 7.5-9.5V6z",
];

/// The words that stand at one place.
struct Entry<'a> {
    place: Place,
    title: &'a str,
    text: &'a str,
}

impl<'a> Entry<'a> {
    /// Reads `Place: A title. A text.`; a title may end with a question mark too.
    fn read(requirement: &'a str) -> Option<Self> {
        let (name, words) = requirement.split_once(':')?;
        let name = name.trim().to_lowercase();
        let (_, place) = PLACES.iter().find(|(known, _)| *known == name)?;
        let words = words.trim();
        let (title, text) = match (words.find("? "), words.find(". ")) {
            (Some(mark), stop) if stop.is_none_or(|stop| mark < stop) => words.split_at(mark + 1),
            (_, Some(stop)) => (&words[..stop], &words[stop + 1..]),
            (_, None) => (words, ""),
        };
        (!title.is_empty()).then_some(Self {
            place: *place,
            title,
            text: text.trim(),
        })
    }
}

/// Whether a brief asks for a landing page.
pub(super) fn is_asked(brief: &Brief) -> bool {
    let asks = |it: &String| coverage(it).features().contains(&Feature::Landing);
    brief.kind == Kind::Web && brief.requirements.iter().any(asks)
}

/// What becomes of a requirement of a landing page.
pub(super) fn covered(requirement: &str) -> Coverage {
    if Entry::read(requirement).is_some() {
        return Coverage::Built(vec![Feature::Landing]);
    }
    let has = |it| matches!(it, Feature::Landing | Feature::Responsive | Feature::Theme);
    coverage(requirement).only(has)
}

/// The shares of the page's files.
pub(super) fn parts() -> Vec<Part> {
    let part = |id, paths: &[&str]| Part {
        id,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    vec![
        part(PartId::Landing, &["index.html", "icon.svg"]),
        part(PartId::Look, &["styles.css", "js/theme.js", "js/main.js"]),
    ]
}

/// The page.
pub(super) fn page(app: &App) -> String {
    let brief = &app.brief;
    let entries: Vec<_> = brief
        .requirements
        .iter()
        .filter_map(|requirement| Entry::read(requirement))
        .collect();
    let at = |place| entries.iter().filter(move |entry| entry.place == place);
    let mut links = String::new();
    let mut sections = String::new();
    for (place, id, title, link) in SECTIONS {
        let found: Vec<_> = at(*place).collect();
        if !found.is_empty() {
            links += &format!("    <a href=\"#{id}\">{link}</a>\n");
            sections += &section(*place, id, title, &found);
        }
    }
    let has = |place| at(place).next().is_some();
    let target = SECTIONS.iter().rev().find(|(place, ..)| {
        matches!(place, Place::Plan | Place::Step | Place::Feature) && has(*place)
    });
    let action = at(Place::Action).next();
    let buttons = match (action, target) {
        (Some(action), Some((_, id, ..))) => button(action.title, id, "primary"),
        _ => String::new(),
    };
    let more = SECTIONS.iter().find(|(place, ..)| has(*place));
    let more = more.map_or_else(String::new, |(_, id, title, _)| button(title, id, "second"));
    let headline = at(Place::Headline).next();
    let about = if brief.description.is_empty() {
        &brief.name
    } else {
        &brief.description
    };
    let values = [
        ("name", html(&brief.name)),
        ("short_description", short(about)),
        ("description", html(about)),
        (
            "headline",
            html(headline.map_or(&brief.name, |it| it.title)),
        ),
        ("links", links.trim_end().to_owned()),
        ("sections", sections.trim_end().to_owned()),
        ("buttons", format!("{buttons}{more}").trim_end().to_owned()),
        ("closing", buttons.trim_end().to_owned()),
        ("missing", missing(app).trim_end().to_owned()),
    ];
    template::LANDING.fill(&values, &[])
}

fn button(text: &str, id: &str, class: &str) -> String {
    format!(
        "      <a class=\"button {class}\" href=\"#{id}\">{}</a>\n",
        html(text)
    )
}

fn section(place: Place, id: &str, title: &str, entries: &[&Entry]) -> String {
    let (tag, class) = match place {
        Place::Step => ("ol", "steps"),
        Place::Plan => ("ul", "plans"),
        Place::Feature | Place::Headline | Place::Action => ("ul", "cards"),
        Place::Question => ("div", "questions"),
    };
    let role = if tag == "div" { "" } else { " role=\"list\"" };
    let mut out = format!(
        "  <section id=\"{id}\" aria-labelledby=\"{id}-title\">\n    <h2 id=\"{id}-title\">{title}</h2>\n    <{tag} class=\"{class}\"{role}>\n"
    );
    for (index, entry) in entries.iter().enumerate() {
        let (title, text) = (html(entry.title), html(entry.text));
        out += &match place {
            Place::Step => format!(
                "      <li class=\"step\">\n        <h3>{title}</h3>\n        <p>{text}</p>\n      </li>\n"
            ),
            Place::Plan => plan(entry),
            Place::Feature | Place::Headline | Place::Action => format!(
                "      <li class=\"card\">\n        <svg class=\"glyph\" viewBox=\"0 0 24 24\" aria-hidden=\"true\"><path d=\"{}\"/></svg>\n        <h3>{title}</h3>\n        <p>{text}</p>\n      </li>\n",
                MARKS[index % MARKS.len()]
            ),
            Place::Question => format!(
                "      <details>\n        <summary>{title}</summary>\n        <p>{text}</p>\n      </details>\n"
            ),
        };
    }
    out + &format!("    </{tag}>\n  </section>\n")
}

/// A plan reads `Name, price. This; that; and more.`
fn plan(entry: &Entry) -> String {
    let (name, price) = entry.title.split_once(", ").unwrap_or((entry.title, ""));
    let mut out = format!(
        "      <li class=\"plan\">\n        <h3>{}</h3>\n",
        html(name)
    );
    if !price.is_empty() {
        out += &format!("        <p class=\"price\">{}</p>\n", html(price));
    }
    out += "        <ul>\n";
    for line in entry.text.trim_end_matches('.').split("; ") {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "          <li>{}</li>", html(line));
    }
    out + "        </ul>\n      </li>\n"
}

/// What the page's foot says of requirements that are not met.
fn missing(app: &App) -> String {
    let mut out = String::new();
    for (text, coverage) in &app.requirements {
        match coverage {
            Coverage::Built(_) => {}
            Coverage::Partly(_) | Coverage::Missing => {
                let _ = writeln!(out, "    <li><bdi>{}</bdi></li>", html(text));
            }
        }
    }
    if out.is_empty() {
        return out;
    }
    format!("  <p>Not implemented, or only in part:</p>\n  <ul>\n{out}  </ul>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Place, &str, &str)> {
        Entry::read(text).map(|it| (it.place, it.title, it.text))
    }

    #[test]
    fn a_requirement_that_names_a_place_is_what_stands_there() {
        assert_eq!(
            read("Feature: Rests in winter. Less water, fewer reminders."),
            Some((
                Place::Feature,
                "Rests in winter",
                "Less water, fewer reminders."
            ))
        );
        assert_eq!(
            read("question: Is it free? Yes. For ever."),
            Some((Place::Question, "Is it free?", "Yes. For ever."))
        );
        assert_eq!(read("Step: Add it."), Some((Place::Step, "Add it.", "")));
        for text in ["Feature:", "Features", "Note: this", "A feature: that"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
