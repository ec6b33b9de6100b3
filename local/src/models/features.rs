//! The vocabulary: which requirement the scripted model can build, and which it cannot.
//!
//! A requirement is compared word by word, without regard to case. What no phrase here covers is
//! listed in the app as not implemented; nothing is claimed on a guess.

use std::collections::BTreeSet;

/// Something the scripted model really builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    Items,
    Responsive,
    Account,
    Search,
    Sort,
    Tags,
    Due,
    Stats,
    Transfer,
    Undo,
    Keys,
    Theme,
    Offline,
    Landing,
}

/// What becomes of one requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// Every phrase that was recognised is built by these features.
    Built(Vec<Feature>),
    /// The features are built, but the sentence also asks for something that is not.
    Partly(Vec<Feature>),
    /// Nothing in the sentence is known.
    Missing,
}

/// Where an app keeps its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the browser alone.
    Browser,
    /// In the browser for guests, and as rows of the app's database for who is signed in.
    Account,
    /// As rows of the app's database, behind a function that programs call.
    Service,
    /// There are none: the page tells of something.
    Nowhere,
}

/// Phrases: words separated by a space; a word that ends in `*` stands for every word that
/// begins so.
const VOCABULARY: &[(Feature, &[&str])] = &[
    (
        Feature::Items,
        &[
            "crud",
            "create read update",
            "add edit",
            "add and delete",
            "add and remove",
            "create and delete",
            "add delete",
            "add items",
            "add tasks",
            "add todos",
            "add notes",
            "edit items",
            "edit tasks",
            "delete items",
            "delete tasks",
            "create items",
            "create tasks",
            "manage items",
            "manage tasks",
            "todo list",
            "to do list",
            "task list",
            "item list",
            "mark as done",
            "mark tasks",
            "mark items",
            "complete items",
            "complete tasks",
            "list of items",
            "list of tasks",
        ],
    ),
    (
        Feature::Responsive,
        &[
            "responsive*",
            "mobile friendly",
            "mobile first",
            "small screens",
            "any screen",
            "all screen sizes",
            "works on phones",
            "phone and desktop",
            "adaptive layout",
        ],
    ),
    (
        Feature::Account,
        &[
            "authenticat*",
            "sign in",
            "signin",
            "sign up",
            "signup",
            "log in",
            "login",
            "logins",
            "user account*",
            "user registration",
            "register users",
            "password*",
            "accounts",
        ],
    ),
    (
        Feature::Search,
        &["search*", "filter*", "find items", "find tasks"],
    ),
    (
        Feature::Sort,
        &[
            "sort",
            "sorts",
            "sorted",
            "sorting",
            "sortable",
            "order by",
            "ordering",
            "reorder by",
        ],
    ),
    (
        Feature::Tags,
        &[
            "tag",
            "tags",
            "tagging",
            "tagged",
            "categor*",
            "label items",
            "labels",
        ],
    ),
    (Feature::Due, &["due", "deadline*", "due date*", "overdue"]),
    (
        Feature::Stats,
        &[
            "statistic*",
            "stats",
            "count",
            "counts",
            "counter*",
            "progress",
            "totals",
            "summary of",
            "dashboard",
        ],
    ),
    (
        Feature::Transfer,
        &[
            "export*",
            "import",
            "imports",
            "importing",
            "backup*",
            "download as json",
            "json download",
        ],
    ),
    (
        Feature::Undo,
        &["undo", "undoing", "revert*", "restore deleted"],
    ),
    (
        Feature::Keys,
        &["keyboard", "shortcut*", "hotkey*", "hot keys"],
    ),
    (
        Feature::Theme,
        &[
            "dark mode",
            "dark theme",
            "dark",
            "theme*",
            "light and dark",
            "night mode",
            "color scheme",
            "colour scheme",
        ],
    ),
    (
        Feature::Offline,
        &[
            "offline",
            "pwa",
            "progressive web app",
            "installable",
            "install as app",
            "service worker",
            "without a network",
            "without internet",
        ],
    ),
    (Feature::Landing, &["landing page", "landing site"]),
];

/// Words that ask for something no feature here provides.
const BEYOND: &[&str] = &[
    "email*",
    "e mail",
    "oauth*",
    "google",
    "facebook",
    "apple",
    "sso",
    "saml",
    "2fa",
    "two factor",
    "mfa",
    "payment*",
    "stripe",
    "paypal",
    "billing",
    "subscription*",
    "notification*",
    "push",
    "remind*",
    "sms",
    "chat",
    "realtime",
    "real time",
    "websocket*",
    "collaborat*",
    "share",
    "shared",
    "sharing",
    "role",
    "roles",
    "admin*",
    "permission*",
    "upload*",
    "attachment*",
    "image*",
    "video*",
    "map",
    "maps",
    "calendar*",
    "server",
    "backend",
    "database*",
    "postgres*",
    "graphql",
    "rest",
    "api",
    "sync*",
    "cloud",
    "multi language",
    "translat*",
    "localis*",
    "localiz*",
    "i18n",
    "ai",
    "recurring",
    "drag",
    "csv",
    "pdf",
    "excel",
    "rate limit*",
    "webhook*",
];

/// A requirement that begins so asks for the absence of something.
const NEGATIONS: &[&str] = &["no", "without", "not", "never", "don", "do not"];

impl Feature {
    /// The key in `project.js`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::Responsive => "responsive",
            Self::Account => "account",
            Self::Search => "search",
            Self::Sort => "sort",
            Self::Tags => "tags",
            Self::Due => "due",
            Self::Stats => "stats",
            Self::Transfer => "transfer",
            Self::Undo => "undo",
            Self::Keys => "keys",
            Self::Theme => "theme",
            Self::Offline => "offline",
            Self::Landing => "landing",
        }
    }

    /// What a person reads: what exactly is built.
    pub(crate) fn title(self, home: Home) -> &'static str {
        match self {
            Self::Items => match home {
                Home::Browser => "add, edit, complete and delete items, kept in the browser",
                Home::Account => {
                    "add, edit, complete and delete items, kept on the server for who is signed in and in the browser for guests"
                }
                Home::Service | Home::Nowhere => {
                    "create, list, read, change and delete items as JSON over HTTP"
                }
            },
            Self::Responsive => "a layout for narrow and wide screens",
            Self::Account => match home {
                Home::Browser | Home::Account | Home::Nowhere => {
                    "accounts with e-mail and password, each with a list that no other account sees"
                }
                Home::Service => {
                    "requests carry the JWT of an Appwrite account, which sees only its own items"
                }
            },
            Self::Search => "search by text, filter by open and done",
            Self::Sort => "a choice of orders",
            Self::Tags => "tags and a filter by tag",
            Self::Due => "due dates, overdue items marked",
            Self::Stats => "counts and a progress bar",
            Self::Transfer => "export to and import from a JSON file",
            Self::Undo => "undo for the last changes",
            Self::Keys => "keyboard shortcuts",
            Self::Theme => "a light and a dark theme",
            Self::Offline => "installable, works without a network",
            Self::Landing => "a page that presents the product",
        }
    }

    /// The file of a feature that lives in the features folder.
    pub(crate) fn module(self) -> Option<&'static str> {
        match self {
            Self::Search => Some("js/features/search.js"),
            Self::Sort => Some("js/features/sort.js"),
            Self::Tags => Some("js/features/tags.js"),
            Self::Due => Some("js/features/due.js"),
            Self::Stats => Some("js/features/stats.js"),
            Self::Transfer => Some("js/features/transfer.js"),
            Self::Undo => Some("js/features/undo.js"),
            Self::Keys => Some("js/features/keys.js"),
            Self::Items
            | Self::Responsive
            | Self::Account
            | Self::Theme
            | Self::Offline
            | Self::Landing => None,
        }
    }
}

impl Coverage {
    /// The features that are built.
    pub(crate) fn features(&self) -> &[Feature] {
        match self {
            Self::Built(found) | Self::Partly(found) => found,
            Self::Missing => &[],
        }
    }

    /// What is left of it in an app that has no other features than these.
    pub(crate) fn only(self, has: impl Fn(Feature) -> bool) -> Self {
        let (found, is_whole) = match self {
            Self::Built(found) => (found, true),
            Self::Partly(found) => (found, false),
            Self::Missing => (Vec::new(), false),
        };
        let count = found.len();
        let left: Vec<_> = found.into_iter().filter(|it| has(*it)).collect();
        if left.is_empty() {
            Self::Missing
        } else if is_whole && left.len() == count {
            Self::Built(left)
        } else {
            Self::Partly(left)
        }
    }
}

/// Says what becomes of one requirement.
pub(crate) fn coverage(requirement: &str) -> Coverage {
    let words = words(requirement);
    if NEGATIONS.iter().any(|phrase| begins_with(&words, phrase)) {
        return Coverage::Missing;
    }
    let found: BTreeSet<Feature> = VOCABULARY
        .iter()
        .filter(|(_, phrases)| phrases.iter().any(|phrase| occurs(&words, phrase)))
        .map(|(feature, _)| *feature)
        .collect();
    if found.is_empty() {
        return Coverage::Missing;
    }
    let found = found.into_iter().collect();
    if BEYOND.iter().any(|phrase| occurs(&words, phrase)) {
        Coverage::Partly(found)
    } else {
        Coverage::Built(found)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn matches(word: &str, pattern: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(word == pattern, |stem| word.starts_with(stem))
}

fn begins_with(words: &[String], phrase: &str) -> bool {
    let patterns: Vec<&str> = phrase.split(' ').collect();
    words.len() >= patterns.len()
        && words
            .iter()
            .zip(&patterns)
            .all(|(word, pattern)| matches(word, pattern))
}

fn occurs(words: &[String], phrase: &str) -> bool {
    (0..words.len()).any(|start| begins_with(&words[start..], phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrasings_reach_their_feature() {
        for (text, feature) in [
            ("User authentication", Feature::Account),
            ("Users can log in", Feature::Account),
            ("CRUD operations", Feature::Items),
            ("RESPONSIVE design", Feature::Responsive),
            ("Full-text search", Feature::Search),
            ("Filtering by status", Feature::Search),
            ("Export and import as JSON", Feature::Transfer),
            ("keyboard shortcuts", Feature::Keys),
            ("Dark-mode", Feature::Theme),
            ("Deadlines for tasks", Feature::Due),
            ("Categories", Feature::Tags),
            ("Sortable list", Feature::Sort),
            ("Statistics", Feature::Stats),
            ("Undo", Feature::Undo),
            ("Works offline", Feature::Offline),
        ] {
            match coverage(text) {
                Coverage::Built(features) => {
                    assert!(features.contains(&feature), "{text}: {features:?}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn nothing_is_claimed_that_the_app_does_not_have() {
        let has = |it| matches!(it, Feature::Items | Feature::Account);
        let coverage = |text| super::coverage(text).only(has);
        assert_eq!(coverage("CRUD"), Coverage::Built(vec![Feature::Items]));
        assert_eq!(
            coverage("Login in dark mode"),
            Coverage::Partly(vec![Feature::Account])
        );
        assert_eq!(coverage("Keyboard shortcuts"), Coverage::Missing);
    }

    #[test]
    fn similar_words_are_no_match() {
        for text in [
            "Important news",
            "Assortment of fruit",
            "Designed well",
            "Undone",
            "Monetary heritage",
            "",
        ] {
            assert_eq!(coverage(text), Coverage::Missing, "{text}");
        }
    }

    #[test]
    fn denied_or_wider_requirements_are_not_claimed() {
        assert_eq!(coverage("No login"), Coverage::Missing);
        assert_eq!(
            coverage("Login with Google"),
            Coverage::Partly(vec![Feature::Account])
        );
        assert_eq!(coverage("支付 и оплата 🎉"), Coverage::Missing);
    }
}
