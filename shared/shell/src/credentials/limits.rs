//! The longest that the parts of a credential may be, in characters.

/// A token of GitHub.
pub(crate) const TOKEN_CHARS_MAX: usize = 500;
/// The id of a GitHub App.
pub(crate) const APP_ID_CHARS_MAX: usize = 100;
/// A private key; one of 4,096 bits takes 3,300.
pub(crate) const PRIVATE_KEY_CHARS_MAX: usize = 4_000;
/// An endpoint of Appwrite.
pub(crate) const ENDPOINT_CHARS_MAX: usize = 300;
/// A project's id.
pub(crate) const PROJECT_CHARS_MAX: usize = 36;
/// An API key.
pub(crate) const KEY_CHARS_MAX: usize = 1_000;
/// A domain.
pub(crate) const DOMAIN_CHARS_MAX: usize = 253;
