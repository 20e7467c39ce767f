//! Text in columns.

/// A table that is as wide as its cells.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: impl IntoIterator<Item = String>) -> Self {
        Self { rows: vec![headings.into_iter().collect()] }
    }

    /// Adds a row. It may be shorter than the headings.
    pub fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether there is a row below the headings.
    pub fn has_rows(&self) -> bool {
        self.rows.len() > 1
    }

    /// The table as lines: a heading, a rule, and the rows.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let rule: usize = widths.iter().map(|width| width + 2).sum();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths);
            let line: String = cells.map(|(cell, width)| format!("{cell:<width$}  ")).collect();
            text.push_str(line.trim_end());
            text.push('\n');
            if number == 0 {
                text.push_str(&"-".repeat(rule.saturating_sub(2)));
                text.push('\n');
            }
        }
        text
    }
}

/// A figure with about three digits.
pub fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 99.95 => format!("{value:.0}"),
        medium if medium >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new(["a".into(), "b".into()]);
        table.push(["10 µs".into(), "1".into()]);
        assert_eq!(table.render(), "a      b\n--------\n10 µs  1\n");
    }

    #[test]
    fn figures_keep_three_digits() {
        let figures = [0.0, 1.234, 9.996, 12.34, 123.4, 12345.6].map(figure);
        assert_eq!(figures, ["0.00", "1.23", "10.0", "12.3", "123", "12346"]);
    }
}
