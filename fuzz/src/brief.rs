//! Bodies of requests to create-task: briefs and commands.

use pipeline::Command;
use pipeline::brief::Brief;
use pipeline::limits::{
    BRIEF_BYTES_MAX, BUDGET_USD_MAX, DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, PARALLELISM_MAX,
    REQUIREMENT_CHARS_MAX, REQUIREMENTS_MAX,
};

/// What is accepted keeps the limits and survives being written; what is not is explained.
pub fn run(data: &[u8]) {
    match Brief::parse(data) {
        Ok(accepted) => within_limits(&accepted.brief),
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(
                errors
                    .iter()
                    .all(|error| !error.field.trim().is_empty() && !error.rule.is_empty())
            );
        }
    }
    match Command::parse(data) {
        Ok(command) => {
            let json = serde_json::to_vec(&command).unwrap();
            assert_eq!(Command::parse(&json).unwrap(), command);
        }
        Err(refusal) => assert!(!refusal.message.is_empty()),
    }
}

fn within_limits(brief: &Brief) {
    let fits =
        |text: &str, most| (1..=most).contains(&text.chars().count()) && !text.trim().is_empty();
    assert!(fits(&brief.name, NAME_CHARS_MAX));
    assert!(fits(&brief.description, DESCRIPTION_CHARS_MAX));
    assert!(brief.requirements.len() <= REQUIREMENTS_MAX);
    assert!(
        brief
            .requirements
            .iter()
            .all(|text| fits(text, REQUIREMENT_CHARS_MAX))
    );
    let options = &brief.options;
    assert!((1..=PARALLELISM_MAX).contains(&options.parallelism()));
    assert!(
        options
            .budget_micro_usd
            .is_none_or(|micro| micro as f64 <= BUDGET_USD_MAX * 1e6)
    );
    let json = serde_json::to_string(brief).unwrap();
    assert!(json.len() <= 4 * BRIEF_BYTES_MAX);
    assert_eq!(&serde_json::from_str::<Brief>(&json).unwrap(), brief);
}
