//! Elements of HTML and SVG as text, escaped and closed.

use std::fmt::{Display, Write};

/// Elements of HTML that have no end.
const VOID: [&str; 2] = ["meta", "br"];

/// An element with what is in it.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: String::new(), content: String::new() }
    }

    /// An element with text.
    pub(super) fn of(name: &'static str, text: impl Display) -> Self {
        Self::new(name).text(text)
    }

    pub(super) fn attribute(mut self, name: &str, value: impl Display) -> Self {
        let value = escaped(&value.to_string());
        write!(self.attributes, " {name}=\"{value}\"").expect("a string takes everything");
        self
    }

    /// The attribute `class`.
    pub(super) fn class(self, names: &str) -> Self {
        self.attribute("class", names)
    }

    /// A number of SVG's units, with one decimal.
    pub(super) fn length(self, name: &str, value: f64) -> Self {
        self.attribute(name, format!("{value:.1}"))
    }

    /// Adds text.
    pub(super) fn text(mut self, text: impl Display) -> Self {
        self.content.push_str(&escaped(&text.to_string()));
        self
    }

    /// Adds an element.
    pub(super) fn child(mut self, element: Element) -> Self {
        self.content.push_str(&element.render());
        self
    }

    /// Adds elements.
    pub(super) fn children(self, elements: impl IntoIterator<Item = Element>) -> Self {
        elements.into_iter().fold(self, Self::child)
    }

    /// Adds a style sheet of ours, which needs no escaping and would not survive it.
    pub(super) fn style_sheet(mut self, sheet: &str) -> Self {
        assert!(!sheet.contains(['<', '&']), "a style sheet without markup");
        self.content.push_str(sheet);
        self
    }

    pub(super) fn render(&self) -> String {
        let Self { name, attributes, content } = self;
        if VOID.contains(name) {
            return format!("<{name}{attributes}/>");
        }
        format!("<{name}{attributes}>{content}</{name}>")
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let element = Element::of("p", "a < b & c").attribute("title", "\"x\"");
        assert_eq!(element.render(), "<p title=\"&quot;x&quot;\">a &lt; b &amp; c</p>");
    }

    #[test]
    fn elements_without_end_close_themselves() {
        let head = Element::new("head").child(Element::new("meta").attribute("charset", "utf-8"));
        assert_eq!(head.render(), "<head><meta charset=\"utf-8\"/></head>");
    }
}
