//! Tables, JSON, and a page.

pub mod html;
pub mod json;
pub mod table;
pub mod text;

/// The runtime that the others are compared with.
pub const SUBJECT: &str = "filch";
