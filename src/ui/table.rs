//! A table of text: one record is one line.

use comfy_table::{ColumnConstraint, ContentArrangement, Row, TableStyle, Width};

use super::text::visible;

/// The widest a cell gets where lines have a width.
const WIDEST_CELL: u16 = 60;
/// The narrowest that a column is cut to: less says nothing.
const NARROWEST_CELL: u16 = 4;

/// Rows under a header, not yet laid out.
#[derive(Debug, Default)]
pub struct Table {
    header: Vec<&'static str>,
    whole: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            whole: &[],
            rows: Vec::new(),
        }
    }

    /// Names the columns whose cells are never cut: what people read exactly or type again, such as
    /// ids, keys and times.
    #[must_use]
    pub fn whole(mut self, columns: &'static [&'static str]) -> Self {
        self.whole = columns;
        self
    }

    /// Adds a record: one cell per column.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, ending in a line break. With a `width` cells are cut to fit, with `…`
    /// where something is missing; without one every cell is whole. Where the [`whole`](Self::whole)
    /// columns alone need more than the width, lines get longer than that.
    pub fn render(&self, width: Option<u16>) -> String {
        let mut table = comfy_table::Table::new();
        let mut header = Row::from(self.header.clone());
        if width.is_some() {
            header.max_height(1);
        }
        table.load_style(TableStyle::new()).set_header(header);
        match width {
            Some(width) => {
                table
                    .set_content_arrangement(ContentArrangement::Dynamic)
                    .set_width(width)
                    .set_truncation_indicator("…");
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        for cells in &self.rows {
            let mut row = Row::from(cells.iter().map(|cell| visible(cell)));
            if width.is_some() {
                row.max_height(1);
            }
            table.add_row(row);
        }
        let last = self.header.len().saturating_sub(1);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 2 }));
            if width.is_some() {
                column.set_constraint(self.constraint(index));
            }
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }

    fn constraint(&self, index: usize) -> ColumnConstraint {
        let name = self.header.get(index).copied().unwrap_or_default();
        if self.whole.contains(&name) {
            return ColumnConstraint::ContentWidth;
        }
        let cells = self.rows.iter().filter_map(|row| row.get(index));
        let longest = cells.map(|cell| visible(cell).chars().count());
        let longest = longest.chain([name.len()]).max().unwrap_or_default();
        let padding = if index + 1 == self.header.len() { 0 } else { 2 };
        let narrowest = u16::try_from(longest)
            .unwrap_or(u16::MAX)
            .min(NARROWEST_CELL);
        ColumnConstraint::Boundaries {
            lower: Width::Fixed(narrowest.saturating_add(padding)),
            upper: Width::Fixed(WIDEST_CELL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "NAME", "NOTE"]);
        table.row(["1".into(), "a\nb\u{1b}[31m".into(), "x".repeat(80)]);
        table.row(["22".into(), "東京".into(), String::new()]);
        table
    }

    #[test]
    fn one_record_is_one_line_without_trailing_blanks() {
        let text = table().render(None);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.trim_end() == line));
        assert!(text.contains(r"a\nb\u{1b}[31m") && text.contains(&"x".repeat(80)));
    }

    #[test]
    fn a_width_cuts_cells_and_says_so() {
        let text = table().render(Some(40));
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains('…'), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
    }

    #[test]
    fn a_whole_column_is_never_cut_and_the_header_stays_one_line() {
        let mut table = Table::new(&["POLICY TYPE", "AT", "NOTE"]).whole(&["AT", "POLICY TYPE"]);
        let (key, at) = ("androidManagedAppProtection", "2026-12-01T02:00:00Z");
        table.row([key.into(), at.into(), "x".repeat(80)]);
        for width in [80, 60, 40, 20] {
            let text = table.render(Some(width));
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.contains(key) && text.contains(at), "{text}");
            assert!(text.contains("xx…"), "{text}");
        }
        assert!(
            table
                .render(Some(80))
                .lines()
                .all(|line| line.chars().count() <= 80),
            "what can be cut makes room"
        );
    }
}
