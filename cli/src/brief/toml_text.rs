//! A brief as TOML, which takes comments and texts of several lines.

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::Fields;

/// Reads a table. What is wrong is told with its line.
pub(super) fn parse(text: &str) -> Result<Fields, String> {
    let table = DeTable::parse(text).map_err(|problem| {
        let at = problem.span().map_or(0, |span| span.start);
        let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
        format!("line {line}: {}", problem.message())
    })?;
    Ok(fields(table.get_ref()))
}

fn fields(table: &DeTable<'_>) -> Fields {
    let entries = table.iter();
    entries
        .map(|(name, of)| (name.get_ref().to_string(), value(of.get_ref())))
        .collect()
}

fn value(of: &DeValue<'_>) -> Value {
    match of {
        DeValue::String(text) => text.trim().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.as_str().into(), Value::from),
        DeValue::Float(number) => number
            .as_str()
            .parse::<f64>()
            .map_or_else(|_| number.as_str().into(), Value::from),
        DeValue::Boolean(is) => (*is).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| value(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(fields(table)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_become_objects() {
        let text = "name = \"n\"\ndescription = \"\"\"\ntwo\nlines\n\"\"\"\nrequirements = [\n  \"a\",\n  # \"b\",\n]\n[options]\nbudgetUsd = 2.5\nparallelism = 4\npreview = true\n";
        let expected = json!({"name": "n", "description": "two\nlines", "requirements": ["a"],
            "options": {"budgetUsd": 2.5, "parallelism": 4, "preview": true}});
        assert_eq!(Value::Object(parse(text).unwrap()), expected);
    }
}
