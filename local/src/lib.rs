//! local

pub mod models;
