//! shared/shell
