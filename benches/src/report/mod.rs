//! Tables and JSON.

pub mod json;
pub mod table;
pub mod text;

/// Name and version of each runtime.
pub type Versions = [(&'static str, &'static str)];

/// The runtime that the others are compared with.
pub const SUBJECT: &str = "filch";
