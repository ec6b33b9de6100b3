//! What was measured, for people and for programs.

use serde_json::{Map, Value, json};

/// What a figure shall be.
pub(crate) enum Goal {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
}

struct Row {
    key: &'static str,
    what: &'static str,
    figure: f64,
    unit: &'static str,
    goal: Option<Goal>,
}

/// Figures in the order in which they were added.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Adds a figure: its key in the JSON, its line's text, its unit.
    pub(crate) fn add(
        &mut self,
        key: &'static str,
        what: &'static str,
        figure: f64,
        unit: &'static str,
        goal: Option<Goal>,
    ) {
        self.rows.push(Row {
            key,
            what,
            figure,
            unit,
            goal,
        });
    }

    /// One object: the figures by key, and the keys whose goal was missed.
    pub(crate) fn into_json(self) -> Map<String, Value> {
        let missed = self.rows.iter().filter(|row| !row.is_met());
        let missed: Vec<_> = missed.map(|row| row.key).collect();
        let mut object = Map::from_iter([("missed".to_owned(), json!(missed))]);
        for row in self.rows {
            object.insert(row.key.to_owned(), json!(rounded(row.figure)));
        }
        object
    }
}

impl Row {
    fn is_met(&self) -> bool {
        match self.goal {
            Some(Goal::AtLeast(least)) => self.figure >= least,
            Some(Goal::AtMost(most)) => self.figure <= most,
            None => true,
        }
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for row in &self.rows {
            write!(
                f,
                "{:<46}{:>10} {:<3}",
                row.what,
                rounded(row.figure),
                row.unit
            )?;
            match row.goal {
                Some(Goal::AtLeast(least)) => write!(f, " goal >= {least}")?,
                Some(Goal::AtMost(most)) => write!(f, " goal <= {most}")?,
                None => {}
            }
            writeln!(f, "{}", if row.is_met() { "" } else { "  MISSED" })?;
        }
        Ok(())
    }
}

/// Two decimals for ratios, none for what is large.
fn rounded(figure: f64) -> f64 {
    if figure.abs() < 100.0 {
        (figure * 100.0).round() / 100.0
    } else {
        figure.round()
    }
}
