//! shared/github
