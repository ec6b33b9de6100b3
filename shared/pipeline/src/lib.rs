//! shared/pipeline
