//! The generated app: which files it has, who writes which, and their text.
//!
//! The texts are prepared parts in the folder `app/`; a brief decides which of them are used and
//! fills a few places. Whatever a person wrote is escaped for the language it lands in.

mod escape;
mod landing;
pub(crate) mod product;
mod readme;
mod template;

use std::collections::BTreeSet;

use serde_json::json;

use super::brief::{Brief, Kind};
use super::digest::sha256_hex;
use super::features::{Coverage, Feature, Home, coverage};
use escape::{html, javascript};
use template::Template;

/// The file in the site that the plan itself carries: what every part of the page has to know.
const PROJECT_PATH: &str = "js/project.js";

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
    pub(crate) paths: Vec<String>,
}

/// The kinds of shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartId {
    Page,
    Landing,
    Look,
    Items,
    Account,
    Features,
    Offline,
    Service,
    Totals,
    Docs,
}

impl PartId {
    /// The assignment's id.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Landing => "landing",
            Self::Look => "look",
            Self::Items => "items",
            Self::Account => "account",
            Self::Features => "features",
            Self::Offline => "offline",
            Self::Service => "service",
            Self::Totals => "totals",
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
        let is_landing = landing::is_asked(&brief);
        let covered = |requirement: &String| match brief.kind {
            Kind::Web if is_landing => landing::covered(requirement),
            Kind::Api => coverage(requirement)
                .only(|feature| matches!(feature, Feature::Items | Feature::Account)),
            Kind::Web | Kind::Mobile | Kind::Fullstack => {
                coverage(requirement).only(|feature| feature != Feature::Landing)
            }
        };
        let requirements: Vec<_> = brief
            .requirements
            .iter()
            .map(|requirement| (requirement.clone(), covered(requirement)))
            .collect();
        let found = requirements.iter().flat_map(|(_, it)| it.features());
        let mut features: BTreeSet<_> = found.copied().collect();
        if !is_landing {
            features.insert(Feature::Items);
        }
        features.extend(match brief.kind {
            Kind::Web if is_landing => vec![Feature::Responsive, Feature::Theme],
            Kind::Web => vec![Feature::Responsive],
            Kind::Mobile => vec![Feature::Responsive, Feature::Offline],
            Kind::Api => vec![Feature::Account],
            Kind::Fullstack => vec![Feature::Responsive, Feature::Account],
        });
        Self {
            brief,
            requirements,
            features,
        }
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Where items are kept.
    pub(crate) fn home(&self) -> Home {
        if self.has(Feature::Landing) {
            return Home::Nowhere;
        }
        match (self.brief.kind, self.has(Feature::Account)) {
            (Kind::Api, _) => Home::Service,
            (Kind::Web | Kind::Mobile | Kind::Fullstack, true) => Home::Account,
            (Kind::Web | Kind::Mobile | Kind::Fullstack, false) => Home::Browser,
        }
    }

    /// The project file's path; an api, which has no page, has none.
    pub(crate) fn project_path(&self) -> Option<String> {
        match self.brief.kind {
            Kind::Api => None,
            Kind::Web | Kind::Mobile | Kind::Fullstack => Some(self.placed(PROJECT_PATH)),
        }
    }

    /// The path of a file of the site.
    fn placed(&self, name: &str) -> String {
        format!("{}{name}", product::site_prefix(self.brief.kind))
    }

    /// The shares of the files; the last one documents the others.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let mut parts = match self.brief.kind {
            Kind::Api => Vec::new(),
            Kind::Web if self.has(Feature::Landing) => landing::parts(),
            Kind::Web | Kind::Mobile | Kind::Fullstack => self.site_parts(),
        };
        let files = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        match self.brief.kind {
            Kind::Api => parts.push(Part {
                id: PartId::Service,
                paths: files(&["functions/items/main.js", "functions/items/package.json"]),
            }),
            Kind::Fullstack => {
                let mut paths: Vec<String> =
                    files(&["functions/stats/main.js", "functions/stats/package.json"]);
                paths.push(self.placed("js/totals.js"));
                parts.push(Part {
                    id: PartId::Totals,
                    paths,
                });
            }
            Kind::Web | Kind::Mobile => {}
        }
        if self.has(Feature::Offline) {
            let names = ["manifest.webmanifest", "sw.js", "js/offline.js"];
            let paths = names.map(|name| self.placed(name)).to_vec();
            if parts.len() + 2 > PARTS_MAX {
                parts[0].paths.extend(paths);
            } else {
                parts.push(Part {
                    id: PartId::Offline,
                    paths,
                });
            }
        }
        parts.push(Part {
            id: PartId::Docs,
            paths: files(&["README.md"]),
        });
        parts
    }

    /// The shares of the page's files, but for offline use.
    fn site_parts(&self) -> Vec<Part> {
        let part = |id, names: &[&str]| Part {
            id,
            paths: names.iter().map(|name| self.placed(name)).collect(),
        };
        let mut page = vec!["index.html", "styles.css", "icon.svg", "js/main.js"];
        if self.has(Feature::Theme) {
            page.push("js/theme.js");
        }
        let mut parts = vec![
            part(PartId::Page, &page),
            part(PartId::Items, &["js/store.js", "js/items.js"]),
        ];
        if self.has(Feature::Account) {
            let names = ["js/account.js", "js/appwrite.js", "js/rows.js"];
            parts.push(part(PartId::Account, &names));
        }
        let modules: Vec<_> = self
            .features
            .iter()
            .filter_map(|feature| feature.module())
            .collect();
        if !modules.is_empty() {
            parts.push(part(PartId::Features, &modules));
        }
        parts
    }

    /// Every file but the project file, in the order of the parts.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.parts()
            .into_iter()
            .flat_map(|part| part.paths)
            .collect()
    }

    /// The text of one file, or nothing when this app has no such file.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        if !self.paths().iter().any(|known| known == path) {
            return None;
        }
        let name = path
            .strip_prefix(product::site_prefix(self.brief.kind))
            .unwrap_or(path);
        let text = match name {
            "index.html" if self.has(Feature::Landing) => landing::page(self),
            "index.html" => self.index(),
            "styles.css" => self.styles(),
            "icon.svg" => template::ICON.fill(&[("hue", self.hue())], &[]),
            "js/main.js" if self.has(Feature::Landing) => template::LANDING_MAIN.to_owned(),
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
        if self.has(Feature::Account) {
            on.push("account");
        }
        on
    }

    fn styles(&self) -> String {
        let base = template::BASE.fill(&[("hue", self.hue())], &self.switches());
        let own = if self.has(Feature::Landing) {
            template::LANDING_STYLES
        } else {
            template::STYLES
        };
        base + own
    }

    fn index(&self) -> String {
        let description = if self.brief.description.is_empty() {
            "A list of items."
        } else {
            &self.brief.description
        };
        template::INDEX.fill(
            &[
                ("name", html(&self.brief.name)),
                ("short_description", short(description)),
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
                ("connect", product::connections(self.home()).to_owned()),
                ("data_note", product::data_note(self.home()).to_owned()),
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
                        titles(found, self.home())
                    );
                }
                Coverage::Partly(found) => {
                    built += &format!(
                        "      <li><bdi>{text}</bdi> <small>(partly: {}; the rest is not implemented)</small></li>\n",
                        titles(found, self.home())
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
        if self.brief.kind == Kind::Fullstack {
            modules.push(("totals", "./totals.js"));
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
        let values = [("imports", imports), ("installs", installs)];
        template::MAIN.fill(&values, &self.switches())
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
        let folder = product::site_prefix(self.brief.kind);
        let paths = self.paths();
        let mut files: Vec<&str> = paths
            .iter()
            .filter_map(|path| path.strip_prefix(folder))
            .filter(|name| !["sw.js", "README.md"].contains(name))
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

/// What a page's head says of the app.
fn short(description: &str) -> String {
    let short: String = description.chars().take(META_CHARS_MAX).collect();
    html(&short)
}

/// The features' titles in one line.
fn titles(features: &[Feature], home: Home) -> String {
    features
        .iter()
        .map(|feature| feature.title(home))
        .collect::<Vec<_>>()
        .join("; ")
}
