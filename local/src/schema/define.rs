//! What a column's definition must fulfil: the kinds that have routes, and their parameters
//! (Appwrite 1.9.6, source: `Databases/Collections/Attributes/*/Create.php`).

use serde_json::{Number, Value};

use super::{ColumnConfig, Kind, to_sql};
use crate::error::ApiError;
use crate::ids;
use crate::server::{Params, required};

/// Kinds of columns by the last part of their route.
pub(super) const KINDS: &[&str] = &[
    "string",
    "varchar",
    "text",
    "mediumtext",
    "longtext",
    "integer",
    "bigint",
    "float",
    "boolean",
    "datetime",
    "enum",
    "email",
    "url",
    "ip",
    "point",
    "line",
    "polygon",
    RELATIONSHIP,
];
/// The one kind that has a route but is refused.
const RELATIONSHIP: &str = "relationship";
/// Longest varchar, in characters.
const VARCHAR_CHARS_MAX: i64 = 16_381;
/// Longest string, in characters.
const STRING_CHARS_MAX: i64 = 1_073_741_824;
/// Most words of an enum, and the longest, in characters.
const ELEMENTS_MAX: usize = 100;
const ELEMENT_CHARS_MAX: usize = 255;

/// Kinds of columns that the request for a table may hold (measured).
const INLINE_KINDS: &[&str] = &[
    "string",
    "integer",
    "bigint",
    "double",
    "boolean",
    "datetime",
    "point",
    "linestring",
    "polygon",
];
/// What texts among them may be besides plain.
const INLINE_FORMATS: &[&str] = &["", "email", "enum", "ip", "url"];
/// Most columns of the request for a table.
const INLINE_MAX: usize = 100;

/// Reads the columns in the request for a table.
///
/// # Errors
/// 400 `general_argument_invalid`, whatever is wrong with them.
pub(super) fn inline(list: Option<Vec<Value>>) -> Result<Vec<ColumnConfig>, ApiError> {
    let columns: Vec<ColumnConfig> = super::routes::declared(list, "columns")?;
    let refuse = |message: String| Err(ApiError::argument(message));
    if columns.len() > INLINE_MAX {
        return refuse(format!("Maximum of {INLINE_MAX} attributes allowed"));
    }
    for (place, column) in columns.iter().enumerate() {
        let ColumnConfig { key, kind, .. } = column;
        let is_text = kind == "string";
        let format = column.format.as_deref().unwrap_or_default();
        let has_bounds = column.min.is_some() || column.max.is_some();
        let is_number = ["integer", "bigint", "double"].contains(&kind.as_str());
        let size = column.size.and_then(|size| i64::try_from(size).ok());
        if !ids::is_custom(key) {
            return refuse(format!("Invalid key for attribute at index {place}"));
        }
        if columns.iter().take(place).any(|other| other.key == *key) {
            return refuse(format!("Duplicate attribute key: {key}"));
        }
        if !INLINE_KINDS.contains(&kind.as_str()) {
            return refuse(format!("Invalid type for attribute '{key}': {kind}"));
        }
        if is_text && !size.is_some_and(|size| (1..=STRING_CHARS_MAX).contains(&size)) {
            return refuse(format!(
                "Invalid or missing size for string attribute '{key}'"
            ));
        }
        if !INLINE_FORMATS.contains(&format) || (!is_text && !format.is_empty()) {
            return refuse(format!("Invalid format for attribute '{key}': {format}"));
        }
        if has_bounds && !is_number {
            return refuse(format!("Attribute '{key}': min and max are for numbers"));
        }
        if format == "enum" {
            let words = column
                .elements
                .iter()
                .map(|word| Value::from(word.as_str()));
            elements(words.collect())?;
        }
        check(column).map_err(|error| ApiError::argument(error.message))?;
    }
    Ok(columns)
}

/// Reads the definition of a new column.
///
/// # Errors
/// 400 `general_argument_invalid`, `column_default_unsupported`, `column_value_invalid` or
/// `general_feature_unsupported`.
pub(super) fn read(kind: String, mut params: Params) -> Result<ColumnConfig, ApiError> {
    if kind == RELATIONSHIP {
        return Err(ApiError::bad_request(
            "general_feature_unsupported",
            "Relationships are not supported by this database.",
        ));
    }
    let key = ids::resolve("key", &required("key", params.take_str("key")?)?)?;
    let mut column = ColumnConfig {
        key,
        required: required("required", params.take_bool("required")?)?,
        array: params.take_bool("array")?.unwrap_or(false),
        size: size(&kind, &mut params)?,
        min: number(&kind, "min", params.take("min"))?,
        max: number(&kind, "max", params.take("max"))?,
        default: params.take("default").unwrap_or_default(),
        format: None,
        elements: Vec::new(),
        kind,
    };
    if column.kind == "enum" {
        column.elements = elements(required("elements", params.take_list("elements")?)?)?;
    }
    check(&column)?;
    Ok(column)
}

/// Changes the definition of a column; returns its new key.
///
/// # Errors
/// As [`read`].
pub(super) fn alter(
    column: &mut ColumnConfig,
    mut params: Params,
) -> Result<Option<String>, ApiError> {
    let kind = column.kind.clone();
    column.required = params.take_bool("required")?.unwrap_or(column.required);
    column.default = params.take("default").unwrap_or_default();
    if let Some(list) = params.take_list("elements")? {
        column.elements = elements(list)?;
        if column.elements.is_empty() {
            return Err(value_invalid("Enum elements must not be empty"));
        }
    }
    if params.has("size") {
        column.size = size(&kind, &mut params)?;
    }
    column.min = number(&kind, "min", params.take("min"))?.or(column.min.take());
    column.max = number(&kind, "max", params.take("max"))?.or(column.max.take());
    check(column)?;
    let new_key = params.take_str("newKey")?;
    new_key.map(|key| ids::resolve("newKey", &key)).transpose()
}

fn size(kind: &str, params: &mut Params) -> Result<Option<u64>, ApiError> {
    let most = match kind {
        "string" => STRING_CHARS_MAX,
        "varchar" => VARCHAR_CHARS_MAX,
        _ => return Ok(None),
    };
    let size = required("size", params.take_i64("size")?)?;
    if !(1..=most).contains(&size) {
        return Err(ApiError::argument(format!(
            "Invalid `size` param: Value must be a valid range between 1 and {most}"
        )));
    }
    Ok(u64::try_from(size).ok())
}

fn number(kind: &str, name: &str, value: Option<Value>) -> Result<Option<Number>, ApiError> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let fits = match kind {
        "integer" | "bigint" => value.as_i64().is_some(),
        "float" | "double" => value.as_f64().is_some(),
        // Unknown parameters are ignored.
        _ => return Ok(None),
    };
    match value {
        Value::Number(number) if fits => Ok(Some(number)),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Err(ApiError::argument(format!(
            "Invalid `{name}` param: Value must be a valid number"
        ))),
    }
}

fn elements(list: Vec<Value>) -> Result<Vec<String>, ApiError> {
    let text = |value: &Value| {
        let text = value.as_str()?;
        let fits = (1..=ELEMENT_CHARS_MAX).contains(&text.chars().count());
        fits.then(|| text.to_owned())
    };
    let all: Option<Vec<String>> = list.iter().map(text).collect();
    all.filter(|all| all.len() <= ELEMENTS_MAX).ok_or_else(|| {
        ApiError::argument(format!(
            "Invalid `elements` param: Value must a valid array no longer than {ELEMENTS_MAX} \
             items and Value must be a valid string and at least 1 chars and no longer than \
             {ELEMENT_CHARS_MAX} chars"
        ))
    })
}

/// Checks what depends on more than one parameter.
fn check(column: &ColumnConfig) -> Result<(), ApiError> {
    if !column.default.is_null() {
        let of = match (column.required, column.array) {
            (true, _) => Some("required column"),
            (false, true) => Some("array columns"),
            (false, false) => None,
        };
        if let Some(of) = of {
            let message = format!("Cannot set default value for {of}");
            return Err(ApiError::bad_request("column_default_unsupported", message));
        }
    }
    let bound = |number: &Option<Number>| number.as_ref().and_then(Number::as_f64);
    if let (Some(min), Some(max)) = (bound(&column.min), bound(&column.max))
        && min > max
    {
        return Err(value_invalid(
            "Minimum value must be lesser than maximum value",
        ));
    }
    let Some(kind) = Kind::of(column) else {
        return Ok(());
    };
    if column.default.is_null() || to_sql(column, kind, &column.default).is_ok() {
        return Ok(());
    }
    // A value of the wrong type is a wrong parameter; one outside of the column's own rules is not.
    let is_of_type = kind.operand(&column.default).is_some();
    let has_rules = matches!(
        column.kind.as_str(),
        "string" | "varchar" | "integer" | "bigint" | "float" | "enum"
    );
    if is_of_type && has_rules {
        return Err(value_invalid("Default value does not fit the column"));
    }
    Err(ApiError::argument(
        "Invalid `default` param: Value does not fit the type of the column",
    ))
}

fn value_invalid(message: &str) -> ApiError {
    ApiError::bad_request("column_value_invalid", message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind_of(kind: &str, mut params: Value) -> &'static str {
        params["key"] = json!("k");
        let params = Params::from(params.as_object().unwrap().clone());
        read(kind.to_owned(), params).map_or_else(|error| error.kind, |_| "")
    }

    #[test]
    fn definitions_are_refused_with_appwrites_types() {
        const ARGUMENT: &str = "general_argument_invalid";
        const VALUE: &str = "column_value_invalid";
        const DEFAULT: &str = "column_default_unsupported";
        for (kind, params, expected) in [
            (
                "string",
                json!({"required": false, "size": 3, "default": "abc"}),
                "",
            ),
            (
                "string",
                json!({"required": false, "size": 3, "default": "abcd"}),
                VALUE,
            ),
            ("string", json!({"required": false}), ARGUMENT),
            ("string", json!({"size": 3}), ARGUMENT),
            ("string", json!({"required": false, "size": 0}), ARGUMENT),
            (
                "varchar",
                json!({"required": false, "size": 16_382}),
                ARGUMENT,
            ),
            (
                "integer",
                json!({"required": false, "min": 3, "max": 2}),
                VALUE,
            ),
            ("integer", json!({"required": false, "min": "a"}), ARGUMENT),
            (
                "integer",
                json!({"required": false, "max": 2, "default": 3}),
                VALUE,
            ),
            (
                "integer",
                json!({"required": false, "default": "x"}),
                ARGUMENT,
            ),
            ("float", json!({"required": true, "default": 1.5}), DEFAULT),
            (
                "boolean",
                json!({"required": false, "array": true, "default": true}),
                DEFAULT,
            ),
            (
                "boolean",
                json!({"required": false, "default": "yes"}),
                ARGUMENT,
            ),
            (
                "enum",
                json!({"required": false, "elements": ["a"], "default": "b"}),
                VALUE,
            ),
            (
                "enum",
                json!({"required": false, "elements": [""]}),
                ARGUMENT,
            ),
            ("enum", json!({"required": false}), ARGUMENT),
            (
                "email",
                json!({"required": false, "default": "x"}),
                ARGUMENT,
            ),
            (
                "datetime",
                json!({"required": false, "default": "x"}),
                ARGUMENT,
            ),
            ("point", json!({"required": false, "default": [1, 2.5]}), ""),
            (
                "point",
                json!({"required": false, "default": [181, 0]}),
                ARGUMENT,
            ),
            (
                "line",
                json!({"required": false, "default": [[0, 0]]}),
                ARGUMENT,
            ),
            ("relationship", json!({}), "general_feature_unsupported"),
        ] {
            assert_eq!(kind_of(kind, params.clone()), expected, "{kind} {params}");
        }
    }

    #[test]
    fn inline_columns_are_bad_arguments_whatever_is_wrong() {
        let one = |column: Value| inline(Some(vec![column])).map_err(|error| error.kind);
        let good = json!({"key": "a", "type": "string", "size": 5, "default": "b"});
        assert_eq!(one(good.clone()).unwrap().len(), 1);
        for (key, value) in [
            ("key", json!("$id")),
            ("type", json!("varchar")),
            ("size", json!(0)),
            ("format", json!("hex")),
            ("min", json!(1)),
            ("default", json!("too long")),
            ("required", json!(true)),
            ("array", json!(true)),
        ] {
            let mut column = good.clone();
            column[key] = value;
            assert_eq!(
                one(column).unwrap_err(),
                "general_argument_invalid",
                "{key}"
            );
        }
        let twice = inline(Some(vec![good.clone(), good]));
        assert_eq!(twice.unwrap_err().kind, "general_argument_invalid");
    }
}
