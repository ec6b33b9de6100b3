//! shared/models
