//! The generated app: which files it has, who writes which, and their text.
//!
//! The texts are prepared parts in the folder `app/`; a brief decides which of them are used and
//! fills a few places. Whatever a person wrote is escaped for the language it lands in.

mod escape;
mod readme;
mod template;

use std::collections::BTreeSet;

use serde_json::json;

use super::brief::{Brief, Kind};
use super::digest::sha256_hex;
use super::features::{Coverage, Feature, coverage};
use escape::{html, javascript};
use template::Template;

/// The file that the plan itself carries: what every part has to know.
pub(crate) const PROJECT_PATH: &str = "js/project.js";

/// More assignments than this and the offline files join the page.
const PARTS_MAX: usize = 6;
/// Hues on which white text is readable at the accent's lightness.
const HUES: &[u16] = &[214, 226, 244, 262, 280, 300, 322, 340, 352];
/// The description is cut after this many characters in the page's head.
const META_CHARS_MAX: usize = 160;

/// One share of the app's files, written by one agent.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) id: PartId,
    pub(crate) paths: Vec<&'static str>,
}

/// The kinds of shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartId {
    Page,
    Items,
    Account,
    Features,
    Offline,
    Resource,
    Docs,
}

impl PartId {
    /// The assignment's id.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Items => "items",
            Self::Account => "account",
            Self::Features => "features",
            Self::Offline => "offline",
            Self::Resource => "resource",
            Self::Docs => "docs",
        }
    }
}

/// The app that a brief asks for.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) brief: Brief,
    /// Every requirement with what becomes of it.
    pub(crate) requirements: Vec<(String, Coverage)>,
    features: BTreeSet<Feature>,
}

impl App {
    pub(crate) fn new(brief: Brief) -> Self {
        let requirements: Vec<_> = brief
            .requirements
            .iter()
            .map(|requirement| (requirement.clone(), coverage(requirement)))
            .collect();
        let mut features = BTreeSet::from([Feature::Items, Feature::Responsive]);
        for (_, coverage) in &requirements {
            match coverage {
                Coverage::Built(found) | Coverage::Partly(found) => features.extend(found),
                Coverage::Missing => {}
            }
        }
        if brief.kind == Kind::Mobile {
            features.insert(Feature::Offline);
        }
        Self {
            brief,
            requirements,
            features,
        }
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Whether the page documents and demonstrates the items resource.
    pub(crate) fn has_resource(&self) -> bool {
        matches!(self.brief.kind, Kind::Api | Kind::Fullstack)
    }

    /// The shares of the files; the last one documents the others.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let part = |id, paths: &[&'static str]| Part {
            id,
            paths: paths.to_vec(),
        };
        let mut parts = vec![
            part(
                PartId::Page,
                &["index.html", "styles.css", "icon.svg", "js/main.js"],
            ),
            part(PartId::Items, &["js/store.js", "js/items.js"]),
        ];
        if self.has(Feature::Theme) {
            parts[0].paths.push("js/theme.js");
        }
        if self.has(Feature::Account) {
            parts.push(part(PartId::Account, &["js/account.js"]));
        }
        let modules: Vec<_> = self
            .features
            .iter()
            .filter_map(|feature| feature.module())
            .collect();
        if !modules.is_empty() {
            parts.push(Part {
                id: PartId::Features,
                paths: modules,
            });
        }
        if self.has_resource() {
            parts.push(part(PartId::Resource, &["js/resource.js"]));
        }
        if self.has(Feature::Offline) {
            let files = ["manifest.webmanifest", "sw.js", "js/offline.js"];
            if parts.len() + 2 > PARTS_MAX {
                parts[0].paths.extend(files);
            } else {
                parts.push(part(PartId::Offline, &files));
            }
        }
        parts.push(part(PartId::Docs, &["README.md"]));
        parts
    }

    /// Every file but the project file, in the order of the parts.
    pub(crate) fn paths(&self) -> Vec<&'static str> {
        self.parts()
            .into_iter()
            .flat_map(|part| part.paths)
            .collect()
    }

    /// The text of one file, or nothing when this app has no such file.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        if !self.paths().contains(&path) {
            return None;
        }
        let text = match path {
            "index.html" => self.index(),
            "styles.css" => template::STYLES.fill(&[("hue", self.hue())], &self.switches()),
            "icon.svg" => template::ICON.fill(&[("hue", self.hue())], &[]),
            "js/main.js" => self.main(),
            "manifest.webmanifest" => self.manifest(),
            "sw.js" => self.worker(),
            "README.md" => readme::readme(self),
            other => Template::plain(other)?.to_owned(),
        };
        Some(text)
    }

    /// The project file: the only script that holds what a person wrote.
    pub(crate) fn project_file(&self) -> String {
        let features: Vec<_> = self.features.iter().map(|feature| feature.key()).collect();
        let facts = json!({
            "name": self.brief.name,
            "type": self.brief.kind.as_str(),
            "storage": self.storage(),
            "features": features,
        });
        format!(
            "// What every part of the app has to know. Written with the plan, before the other files.\n\
             export const PROJECT = Object.freeze({});\n",
            javascript(&facts)
        )
    }

    /// The prefix of every key in the browser's storage.
    pub(crate) fn storage(&self) -> String {
        let slug: String = self
            .brief
            .name
            .chars()
            .filter_map(|character| match character.to_ascii_lowercase() {
                letter @ ('a'..='z' | '0'..='9') => Some(letter),
                ' ' | '-' | '_' => Some('-'),
                _ => None,
            })
            .take(24)
            .collect();
        format!("{}-{}", slug.trim_matches('-'), &self.fingerprint()[..8])
            .trim_start_matches('-')
            .to_owned()
    }

    fn fingerprint(&self) -> String {
        sha256_hex(self.brief.name.as_bytes())
    }

    fn hue(&self) -> String {
        let byte = usize::from(u8::from_str_radix(&self.fingerprint()[..2], 16).unwrap_or(0));
        HUES[byte % HUES.len()].to_string()
    }

    fn switches(&self) -> Vec<&'static str> {
        let mut on = Vec::new();
        if self.has(Feature::Theme) {
            on.push("dark");
        }
        if self.has(Feature::Offline) {
            on.push("offline");
        }
        if self.has_resource() {
            on.push("resource");
        }
        on
    }

    fn index(&self) -> String {
        let description = if self.brief.description.is_empty() {
            "A list of items."
        } else {
            &self.brief.description
        };
        let short: String = description.chars().take(META_CHARS_MAX).collect();
        let account_note = if self.has(Feature::Account) {
            " An account keeps its list apart from the others, but does not protect it from someone who uses this browser."
        } else {
            ""
        };
        template::INDEX.fill(
            &[
                ("name", html(&self.brief.name)),
                ("short_description", html(&short)),
                ("description", html(description)),
                (
                    "color_scheme",
                    if self.has(Feature::Theme) {
                        "light dark"
                    } else {
                        "light"
                    }
                    .to_owned(),
                ),
                ("requirements", self.requirement_lists()),
                ("account_note", account_note.to_owned()),
            ],
            &self.switches(),
        )
    }

    fn requirement_lists(&self) -> String {
        let mut built = String::new();
        let mut missing = String::new();
        for (text, coverage) in &self.requirements {
            let text = html(text);
            match coverage {
                Coverage::Built(found) => {
                    built += &format!(
                        "      <li><bdi>{text}</bdi> <small>({})</small></li>\n",
                        titles(found)
                    );
                }
                Coverage::Partly(found) => {
                    built += &format!(
                        "      <li><bdi>{text}</bdi> <small>(partly: {}; the rest is not implemented)</small></li>\n",
                        titles(found)
                    );
                }
                Coverage::Missing => missing += &format!("      <li><bdi>{text}</bdi></li>\n"),
            }
        }
        let mut lists = String::new();
        for (title, entries) in [
            ("What it does", built),
            ("Not implemented by the scripted model", missing),
        ] {
            if !entries.is_empty() {
                lists += &format!(
                    "    <h3>{title}</h3>\n    <ul class=\"requirements\">\n{entries}    </ul>\n"
                );
            }
        }
        if lists.is_empty() {
            lists = "    <p>The brief names no requirements, so this is the plain list: add, edit, complete and delete.</p>\n"
                .to_owned();
        }
        lists.trim_end().to_owned()
    }

    fn main(&self) -> String {
        let mut modules = Vec::new();
        if self.has(Feature::Theme) {
            modules.push(("theme", "./theme.js"));
        }
        if self.has(Feature::Account) {
            modules.push(("account", "./account.js"));
        }
        for feature in &self.features {
            if let Some(module) = feature.module() {
                modules.push((feature.key(), module.trim_start_matches("js/")));
            }
        }
        if self.has_resource() {
            modules.push(("resource", "./resource.js"));
        }
        if self.has(Feature::Offline) {
            modules.push(("offline", "./offline.js"));
        }
        let mut imports = String::new();
        let mut installs = String::new();
        for (name, path) in modules {
            let path = path.trim_start_matches("./");
            imports += &format!("import {{ install as {name} }} from \"./{path}\";\n");
            installs += &format!("{name}(app);\n");
        }
        template::MAIN.fill(&[("imports", imports), ("installs", installs)], &[])
    }

    fn manifest(&self) -> String {
        let short: String = self.brief.name.chars().take(24).collect();
        let manifest = json!({
            "name": self.brief.name,
            "short_name": short,
            "start_url": "./",
            "scope": "./",
            "display": "standalone",
            "background_color": "#ffffff",
            "theme_color": "#ffffff",
            "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
        });
        format!("{manifest:#}\n")
    }

    fn worker(&self) -> String {
        let mut files: Vec<&str> = self
            .paths()
            .into_iter()
            .filter(|path| !["sw.js", "README.md"].contains(path))
            .collect();
        files.extend([PROJECT_PATH, "./"]);
        let family = format!("{}-", self.storage());
        let version = &sha256_hex(files.join("\n").as_bytes())[..8];
        template::WORKER.fill(
            &[
                ("cache", format!("{family}{version}")),
                ("cache_family", family.clone()),
                ("files", format!("{:#}", json!(files))),
            ],
            &[],
        )
    }
}

/// The features' titles in one line.
pub(crate) fn titles(features: &[Feature]) -> String {
    features
        .iter()
        .map(|feature| feature.title())
        .collect::<Vec<_>>()
        .join("; ")
}
