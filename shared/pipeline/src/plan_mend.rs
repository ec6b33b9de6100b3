//! Mending a plan that its planner could not: what code can put right without knowing what
//! the project is about. Whatever is changed is told, in a sentence for a person.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{
    ACCEPTANCE_MAX, COMMAND_CHARS_MAX, FILE_BYTES_MAX, FILES_MAX, KIND_CHARS_MAX, OWNS_MAX,
    PLAN_TEXT_CHARS_MAX, PROJECT_BYTES_MAX, TITLE_CHARS_MAX, WORD_CHARS_MAX,
};
use crate::path::SafePath;
use crate::plan::{Plan, SharedFile};
use crate::plan_rules::{SIZES, Terms, clash, is_unshown, overlap, violations};

mod parts;

use parts::{absorb, acceptance, cut, distinct, effort, fit, free, own, renumber, shown, slug};

/// A plan that keeps every rule, made from one that does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The plan.
    pub plan: Plan,
    /// What was changed, in sentences without a full stop.
    pub changes: Vec<String>,
}

/// Mends `plan`, as far as that needs no knowledge of the project. `None` if a rule would
/// still be broken.
pub fn mend(plan: &Plan, terms: &Terms) -> Option<Mended> {
    let mut mender = Mender {
        plan: plan.clone(),
        terms,
        changes: Vec::new(),
    };
    mender.ids();
    mender.check_ids();
    mender.texts();
    mender.shared_files();
    mender.owned();
    mender.ownerless();
    mender.merge_overlapping();
    mender.merge_surplus();
    mender.references();
    mender.cycles();
    mender.stack();
    let Mender { plan, changes, .. } = mender;
    let is_sound = !changes.is_empty() && violations(&plan, terms).is_empty();
    is_sound.then_some(Mended { plan, changes })
}

struct Mender<'a> {
    plan: Plan,
    terms: &'a Terms,
    changes: Vec<String>,
}

impl Mender<'_> {
    /// Assignments get ids that are ids, and unique; what refers to them follows.
    fn ids(&mut self) {
        let mut renamed: BTreeMap<String, String> = BTreeMap::new();
        let mut used = BTreeSet::from(["shared".to_owned()]);
        for (index, assignment) in self.plan.assignments.iter_mut().enumerate() {
            let old = assignment.id.clone();
            let base = slug(&old).unwrap_or_else(|| format!("part-{}", index + 1));
            let new = free(&base, &used);
            used.insert(new.clone());
            if new != old {
                let change = format!("assignment `{}` is now called `{new}`", shown(&old));
                self.changes.push(change);
                assignment.id = new.clone();
            }
            renamed.entry(old).or_insert(new);
        }
        let follow = |name: &mut String| {
            if let Some(new) = renamed.get(name) {
                name.clone_from(new);
            } else if let Some(new) = slug(name).filter(|new| used.contains(new)) {
                *name = new;
            }
        };
        for assignment in &mut self.plan.assignments {
            assignment.depends_on.iter_mut().for_each(follow);
        }
        for contract in &mut self.plan.contracts {
            follow(&mut contract.provider);
            contract.consumers.iter_mut().for_each(follow);
        }
    }

    /// Contracts and acceptance checks get ids that are not empty, and unique.
    fn check_ids(&mut self) {
        let mut used = BTreeSet::new();
        for (index, contract) in self.plan.contracts.iter_mut().enumerate() {
            let is_good = !contract.id.is_empty() && !used.contains(&contract.id);
            if !is_good {
                let id = free(&format!("contract-{}", index + 1), &used);
                let change = format!("contract `{}` is now called `{id}`", shown(&contract.id));
                self.changes.push(change);
                contract.id = id;
            }
            used.insert(contract.id.clone());
        }
        for assignment in &mut self.plan.assignments {
            renumber(assignment, &mut self.changes);
        }
    }

    /// What is empty gets a text, what is too long is cut, sizes are sizes.
    fn texts(&mut self) {
        let changes = &mut self.changes;
        let plan = &mut self.plan;
        let name = plan.project_name.clone();
        fit(
            &mut plan.summary,
            "the summary",
            &name,
            PLAN_TEXT_CHARS_MAX,
            changes,
        );
        for assignment in &mut plan.assignments {
            let id = assignment.id.clone();
            let what = |field: &str| format!("the {field} of `{id}`");
            fit(
                &mut assignment.title,
                &what("title"),
                &id,
                TITLE_CHARS_MAX,
                changes,
            );
            let title = assignment.title.clone();
            fit(
                &mut assignment.objective,
                &what("objective"),
                &title,
                PLAN_TEXT_CHARS_MAX,
                changes,
            );
            fit(
                &mut assignment.kind,
                &what("type"),
                "code",
                KIND_CHARS_MAX,
                changes,
            );
            fit(
                &mut assignment.specialization,
                &what("specialization"),
                "general",
                WORD_CHARS_MAX,
                changes,
            );
            fit(
                &mut assignment.estimate,
                &what("estimate"),
                "unknown",
                WORD_CHARS_MAX,
                changes,
            );
            acceptance(assignment, changes);
            if !SIZES.contains(&assignment.size.as_str()) {
                changes.push(format!("{} is now M", what("size")));
                assignment.size = "M".to_owned();
            }
        }
        for contract in &mut plan.contracts {
            if contract.definition.chars().count() > PLAN_TEXT_CHARS_MAX {
                changes.push(format!("contract `{}` was cut", contract.id));
                contract.definition = cut(&contract.definition, PLAN_TEXT_CHARS_MAX);
            }
        }
        plan.contracts.retain(|contract| {
            let is_said = !contract.definition.trim().is_empty();
            if !is_said {
                changes.push(format!(
                    "contract `{}` said nothing and was dropped",
                    contract.id
                ));
            }
            is_said
        });
    }

    fn stack(&mut self) {
        let stack = &mut self.plan.stack;
        for command in [&mut stack.build_command, &mut stack.test_command] {
            if command.chars().count() > COMMAND_CHARS_MAX {
                *command = cut(command, COMMAND_CHARS_MAX);
                self.changes.push("a command was cut".to_owned());
            }
        }
        let broken = violations(&self.plan, self.terms);
        if broken.iter().any(|line| line.starts_with("output_dir ")) {
            self.plan.stack.output_dir = ".".to_owned();
            self.changes.push("the whole project is served".to_owned());
        }
    }

    /// Of the shared files those stay that can be written, and that no assignment owns.
    fn shared_files(&mut self) {
        let owned: Vec<String> = self
            .plan
            .assignments
            .iter()
            .flat_map(|item| item.owns.iter().map(|path| path.to_lowercase()))
            .collect();
        let (mut bytes, mut kept): (usize, Vec<SharedFile>) = (0, Vec::new());
        for file in std::mem::take(&mut self.plan.shared_files) {
            let folded = file.path.to_lowercase();
            let fits = SafePath::parse(&file.path).is_ok()
                && file.content.len() <= FILE_BYTES_MAX
                && bytes + file.content.len() <= PROJECT_BYTES_MAX
                && kept.len() < FILES_MAX
                && clash(&file.path, &self.terms.existing).is_none()
                && is_unshown(&file.path, &self.terms.unshown).is_none()
                && !owned.iter().any(|other| overlap(&folded, other))
                && !kept
                    .iter()
                    .any(|other| overlap(&folded, &other.path.to_lowercase()));
            if fits {
                bytes += file.content.len();
                kept.push(file);
            } else {
                let change = format!("shared file `{}` was dropped", shown(&file.path));
                self.changes.push(change);
            }
        }
        self.plan.shared_files = kept;
    }

    /// Of the owned paths those stay that can be written.
    fn owned(&mut self) {
        for assignment in &mut self.plan.assignments {
            let mut kept: Vec<String> = Vec::new();
            for path in std::mem::take(&mut assignment.owns) {
                let plain = path.trim_start_matches("./").trim_start_matches('/');
                let fits = SafePath::parse(plain.strip_suffix('/').unwrap_or(plain)).is_ok()
                    && clash(plain, &self.terms.existing).is_none()
                    && is_unshown(plain, &self.terms.unshown).is_none();
                let became = match fits.then(|| own(&mut kept, plain)) {
                    None => "was dropped",
                    Some(true) if plain == path => continue,
                    Some(true) => "was made relative",
                    Some(false) => "became one with another",
                };
                let id = &assignment.id;
                let change = format!("`{}` of `{id}` {became}", shown(&path));
                self.changes.push(change);
            }
            assignment.owns = kept;
        }
    }

    /// Who owns nothing can do nothing.
    fn ownerless(&mut self) {
        let changes = &mut self.changes;
        self.plan.assignments.retain(|assignment| {
            if assignment.owns.is_empty() {
                changes.push(format!(
                    "assignment `{}` owned nothing and was dropped",
                    assignment.id
                ));
            }
            !assignment.owns.is_empty()
        });
    }

    /// Assignments that own the same become one.
    fn merge_overlapping(&mut self) {
        while let Some((first, second)) =
            pairs(self.plan.assignments.len()).find(|(first, second)| self.share(*first, *second))
        {
            self.merge(first, second, "own the same");
        }
    }

    fn share(&self, first: usize, second: usize) -> bool {
        let owns = |index: usize| self.plan.assignments.get(index).map(|item| &item.owns);
        let (Some(left), Some(right)) = (owns(first), owns(second)) else {
            return false;
        };
        left.iter().any(|path| {
            let folded = path.to_lowercase();
            right
                .iter()
                .any(|other| overlap(&folded, &other.to_lowercase()))
        })
    }

    /// The smallest assignments become one until there are few enough.
    fn merge_surplus(&mut self) {
        while self.plan.assignments.len() > self.terms.assignments_max {
            let weight = |(first, second): &(usize, usize)| {
                let parts = [*first, *second];
                let both = parts.map(|index| self.plan.assignments.get(index));
                let both = || both.iter().flatten();
                let owns: usize = both().map(|item| item.owns.len()).sum();
                let checks: usize = both().map(|item| item.acceptance.len()).sum();
                let fits = owns <= OWNS_MAX && checks <= ACCEPTANCE_MAX;
                fits.then(|| both().map(|item| effort(item)).sum::<usize>() * 100 + checks)
            };
            let lightest = pairs(self.plan.assignments.len())
                .filter_map(|pair| Some((weight(&pair)?, pair)))
                .min();
            let Some((_, (first, second))) = lightest else {
                return;
            };
            self.merge(first, second, "were too many");
        }
    }

    fn merge(&mut self, first: usize, second: usize, why: &str) {
        let removed = self.plan.assignments.remove(second);
        let Some(kept) = self.plan.assignments.get_mut(first) else {
            return;
        };
        let change = format!("`{}` and `{}` {why} and became one", kept.id, removed.id);
        self.changes.push(change);
        absorb(kept, &removed);
        let (id, gone) = (kept.id.clone(), removed.id);
        let follow = |name: &mut String| {
            if *name == gone {
                name.clone_from(&id);
            }
        };
        for assignment in &mut self.plan.assignments {
            assignment.depends_on.iter_mut().for_each(follow);
            let own = assignment.id.clone();
            assignment.depends_on = distinct(&assignment.depends_on);
            if own == id {
                assignment.depends_on.retain(|name| *name != own);
            }
        }
        for contract in &mut self.plan.contracts {
            follow(&mut contract.provider);
            contract.consumers.iter_mut().for_each(follow);
            contract.consumers = distinct(&contract.consumers);
        }
    }

    /// References that lead nowhere are dropped.
    fn references(&mut self) {
        let ids = self.plan.assignments.iter().map(|item| item.id.clone());
        let ids: BTreeSet<String> = ids.chain(["shared".to_owned()]).collect();
        let changes = &mut self.changes;
        self.plan.contracts.retain_mut(|contract| {
            let id = contract.id.clone();
            contract.consumers.retain(|name| {
                let is_known = ids.contains(name);
                if !is_known {
                    changes.push(format!("contract `{id}` no longer names `{}`", shown(name)));
                }
                is_known
            });
            let is_kept = ids.contains(&contract.provider);
            if !is_kept {
                changes.push(format!("contract `{id}` had no provider and was dropped"));
            }
            is_kept
        });
        let contracts = self.plan.contracts.iter().map(|item| item.id.clone());
        let contracts: BTreeSet<String> = contracts.collect();
        for assignment in &mut self.plan.assignments {
            let id = assignment.id.clone();
            assignment.depends_on.retain(|name| {
                let is_known = *name != id && *name != "shared" && ids.contains(name);
                if !is_known {
                    changes.push(format!("`{id}` no longer waits for `{}`", shown(name)));
                }
                is_known
            });
            assignment.contracts.retain(|name| {
                let is_known = contracts.contains(name);
                if !is_known {
                    changes.push(format!("`{id}` no longer names contract `{}`", shown(name)));
                }
                is_known
            });
        }
    }

    /// Where assignments wait for each other, the one that comes first in the plan does not.
    fn cycles(&mut self) {
        let graph = |plan: &Plan| -> BTreeMap<String, Vec<String>> {
            let edges = plan.assignments.iter();
            edges
                .map(|item| (item.id.clone(), item.depends_on.clone()))
                .collect()
        };
        for index in 0..self.plan.assignments.len() {
            let waits = graph(&self.plan);
            let Some(assignment) = self.plan.assignments.get_mut(index) else {
                return;
            };
            let id = assignment.id.clone();
            let changes = &mut self.changes;
            assignment.depends_on.retain(|name| {
                let is_cycle = reaches(&waits, name, &id);
                if is_cycle {
                    changes.push(format!(
                        "`{id}` no longer waits for `{name}`, which waits for it"
                    ));
                }
                !is_cycle
            });
        }
    }
}

/// Whether `from` waits for `to`, directly or through others.
fn reaches(waits: &BTreeMap<String, Vec<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if seen.insert(name) {
            open.extend(waits.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |first| (first + 1..count).map(move |second| (first, second)))
}

#[cfg(test)]
mod tests;
