//! A table of text: one record is one line, and on a terminal the lines that its text takes.

use comfy_table::{ColumnConstraint, ContentArrangement, Row, TableStyle, Width};
use unicode_width::UnicodeWidthStr;

use super::text::{hanging, visible};

/// The widest a cell gets where lines have a width.
const WIDEST_CELL: u16 = 60;
/// The narrowest that a column is cut to whose cells are no longer: its name is known by less.
const NARROWEST_CELL: usize = 4;
/// The narrowest that another column is cut to: less says nothing.
const READABLE_CELL: usize = 6;
/// How much a column should get before one that can be spared has any place, and how much beside text that
/// [`flows`](Table::flowing) and so leaves it more.
const COMFORTABLE_CELL: usize = 10;
const COMFORTABLE_BESIDE_TEXT: usize = 24;
/// The least room in which text that flows goes on under its own beginning; with less it goes below its
/// record, so far in.
const COMFORTABLE_TEXT: usize = 40;
const BELOW: &str = "    ";

/// What divides words where a cell is cut: no character of any cell, so that one is cut where its room
/// ends and not after the last word that fits.
const NOWHERE: char = '\0';

/// Rows under a header, not yet laid out.
#[derive(Debug, Default)]
pub struct Table {
    header: Vec<&'static str>,
    whole: &'static [&'static str],
    spare: &'static [&'static str],
    flows: bool,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these columns.
    pub fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            whole: &[],
            spare: &[],
            flows: false,
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

    /// Names the columns that are left out on a narrow terminal, the first one first: what another
    /// column or another command says too.
    #[must_use]
    pub fn spare(mut self, columns: &'static [&'static str]) -> Self {
        self.spare = columns;
        self
    }

    /// Says that the last column is text to be read whole, such as a reason: where a line has no room for
    /// it, it goes on below its record.
    #[must_use]
    pub fn flowing(mut self) -> Self {
        self.flows = true;
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

    /// The records for other programs: one a line, its cells between tabs, no header, nothing cut.
    pub fn records(&self) -> String {
        let mut text = String::new();
        for cells in &self.rows {
            let cells: Vec<_> = cells.iter().map(|cell| visible(cell)).collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        text
    }

    /// The table as text, ending in a line break. With a `width` cells are cut to fit, with `…`
    /// where something is missing, but for a last column that is [`flowing`](Self::flowing); without one
    /// every cell is whole. Where the width has no room for the [`whole`](Self::whole) columns, each record
    /// is a block of lines instead, a cell each.
    pub fn render(&self, width: Option<u16>) -> String {
        let Some(columns) = width else {
            return self.lines(None);
        };
        let columns = usize::from(columns);
        let comfortable = match self.flows {
            true => COMFORTABLE_BESIDE_TEXT,
            false => COMFORTABLE_CELL,
        };
        let mut spared: Vec<&str> = Vec::new();
        let mut fitted = self.without(&spared);
        for name in self.spare {
            if fitted.least(comfortable) > columns {
                spared.push(name);
                fitted = self.without(&spared);
            }
        }
        match fitted.least(READABLE_CELL) > columns {
            true => self.blocks(columns),
            false if fitted.flows => fitted.flow(columns),
            false => fitted.lines(width),
        }
    }

    /// The table with the last column where the others, which have all the room but for its header, leave
    /// it some, else below.
    fn flow(&self, columns: usize) -> String {
        let last = self.header.len().saturating_sub(1);
        let (name, gap) = (self.header[last], 2);
        let record = Self {
            flows: false,
            ..self.without(&[name])
        };
        let room = columns.saturating_sub(name.width() + gap);
        let lines = record.lines(u16::try_from(room).ok());
        let widest = lines.lines().map(UnicodeWidthStr::width).max();
        let start = widest.unwrap_or_default() + gap;
        let left = columns.saturating_sub(start);
        let texts = self.rows.iter().filter_map(|row| row.get(last));
        let texts = std::iter::once(name.into()).chain(texts.map(|text| visible(text)));
        let shown = lines.lines().zip(texts).map(|(line, text)| {
            let is_beside = text.width() <= left || left >= COMFORTABLE_TEXT;
            let record = match is_beside {
                true => {
                    let blanks = " ".repeat(start.saturating_sub(line.width()));
                    hanging(&format!("{line}{blanks}"), &text, columns)
                }
                false => format!("{line}\n{}", hanging(BELOW, &text, columns)),
            };
            format!("{}\n", record.trim_end())
        });
        shown.collect()
    }

    /// The same without these columns.
    fn without(&self, columns: &[&str]) -> Self {
        let kept = |index: &usize| !columns.contains(&self.header[*index]);
        let kept: Vec<usize> = (0..self.header.len()).filter(kept).collect();
        let cells = |row: &Vec<String>| {
            let cells = kept.iter().filter_map(|&index| row.get(index));
            cells.cloned().collect()
        };
        Self {
            header: kept.iter().map(|&index| self.header[index]).collect(),
            rows: self.rows.iter().map(cells).collect(),
            ..*self
        }
    }

    fn lines(&self, width: Option<u16>) -> String {
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
                    .set_delimiter(NOWHERE)
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
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, self.padding(index)));
            if width.is_some() {
                column.set_constraint(self.constraint(index));
            }
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }

    /// Each record as lines of a column's name and its cell, [`hanging`], an empty line between two
    /// records.
    fn blocks(&self, columns: usize) -> String {
        let widest = self.header.iter().map(|name| name.width()).max();
        let widest = widest.unwrap_or_default();
        let blocks = self.rows.iter().map(|cells| {
            let cells = self.header.iter().zip(cells);
            let told = cells.filter(|(_, cell)| !cell.is_empty());
            told.map(|(name, cell)| {
                let lead = format!("{name:widest$}  ");
                format!("{}\n", hanging(&lead, &visible(cell), columns))
            })
            .collect::<String>()
        });
        blocks.collect::<Vec<_>>().join("\n")
    }

    /// How many columns of the screen the table takes at least, if a cell that can be cut is cut to
    /// `floor`.
    fn least(&self, floor: usize) -> usize {
        let columns = 0..self.header.len();
        columns
            .map(|index| self.narrowest(index, floor) + usize::from(self.padding(index)))
            .sum()
    }

    fn narrowest(&self, index: usize, floor: usize) -> usize {
        let cells = self.widest_cell(index);
        let header = self.header[index].width();
        let widest = cells.max(header);
        if self.is_whole(index) {
            widest
        } else if self.flows && index + 1 == self.header.len() {
            header
        } else if cells <= NARROWEST_CELL && floor == READABLE_CELL {
            widest.min(NARROWEST_CELL)
        } else {
            widest.min(floor)
        }
    }

    /// How many columns of the screen the widest cell takes, the header aside.
    fn widest_cell(&self, index: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(index));
        let cells = cells.map(|cell| visible(cell).width());
        cells.max().unwrap_or_default()
    }

    fn is_whole(&self, index: usize) -> bool {
        let name = self.header.get(index);
        name.is_some_and(|name| self.whole.contains(name))
    }

    fn padding(&self, index: usize) -> u16 {
        if index + 1 == self.header.len() { 0 } else { 2 }
    }

    fn constraint(&self, index: usize) -> ColumnConstraint {
        if self.is_whole(index) {
            return ColumnConstraint::ContentWidth;
        }
        let narrowest = self.narrowest(index, READABLE_CELL);
        let narrowest = u16::try_from(narrowest).unwrap_or(WIDEST_CELL);
        ColumnConstraint::Boundaries {
            lower: Width::Fixed(narrowest.saturating_add(self.padding(index))),
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
        for width in [80, 60, 57] {
            let text = table.render(Some(width));
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.contains(key) && text.contains(at), "{text}");
            assert!(text.contains("xx…"), "{text}");
            assert!(text.lines().all(|line| line.width() <= usize::from(width)));
        }
    }

    #[test]
    fn where_there_is_no_room_a_record_is_a_block_of_lines() {
        let mut table = Table::new(&["POLICY TYPE", "AT", "NOTE"]).whole(&["AT", "POLICY TYPE"]);
        let cells = ["androidManagedAppProtection", "2026-12-01T02:00:00Z", ""];
        table.row(cells.map(str::to_owned));
        table.row(["a", "b", "東京\n🚀"].map(str::to_owned));
        assert_eq!(
            table.render(Some(40)),
            "POLICY TYPE  androidManagedAppProtection\n\
             AT           2026-12-01T02:00:00Z\n\
             \n\
             POLICY TYPE  a\n\
             AT           b\n\
             NOTE         東京\\n🚀\n"
        );
    }

    #[test]
    fn a_reason_that_has_no_room_goes_below_its_record() {
        let mut table = Table::new(&["RUN", "TENANT", "STATUS", "NOTE"])
            .whole(&["RUN", "STATUS"])
            .flowing();
        let reason = "GRAPH_UNAVAILABLE: ".to_owned() + &"no answer ".repeat(6);
        let reason = reason.trim_end();
        table.row(["1", "contoso", "success", "12 policies"].map(str::to_owned));
        table.row(["2", "contoso", "failed", reason].map(str::to_owned));
        table.row(["3", "東京", "failed", ""].map(str::to_owned));
        assert_eq!(
            table.render(Some(50)),
            "RUN  TENANT   STATUS   NOTE\n\
             1    contoso  success  12 policies\n\
             2    contoso  failed\n    \
             GRAPH_UNAVAILABLE: no answer no answer no\n    \
             answer no answer no answer no answer\n\
             3    東京     failed\n"
        );
        let beside = "2    contoso  failed   GRAPH_UNAVAILABLE: no answer no answer\n".to_owned()
            + &" ".repeat(23)
            + "no answer no answer";
        let wide = table.render(Some(63));
        assert!(wide.contains(&beside), "{wide}");
        for width in 24..=120 {
            let text = table.render(Some(width));
            let said: Vec<&str> = text.split_whitespace().collect();
            assert!(said.join(" ").contains(reason), "{text}");
            assert!(text.lines().all(|line| line.width() <= width.into()));
        }
        assert_eq!(table.render(None).lines().count(), 4);
    }

    #[test]
    fn headers_are_not_cut_while_something_can_be_spared() {
        let mut table = Table::new(&["TYPE", "CHANGED", "UNCHANGED", "ERROR"])
            .whole(&["TYPE"])
            .spare(&["UNCHANGED"])
            .flowing();
        table.row(["roleScopeTag", "1", "2", "no answer"].map(str::to_owned));
        let text = table.render(Some(30));
        assert!(text.starts_with("TYPE          CHANGED  ERROR\n"), "{text}");
    }

    #[test]
    fn what_can_be_spared_goes_first_and_only_as_far_as_there_is_need() {
        let mut table = Table::new(&["NAME", "AT", "ZONE", "KIND"])
            .whole(&["AT"])
            .spare(&["ZONE", "KIND"]);
        table.row(
            [
                "a-long-name-of-a-thing",
                "2026-12-01T02:00:00Z",
                "Europe/Oslo",
                "x",
            ]
            .map(str::to_owned),
        );
        let header = |width| {
            let text = table.render(Some(width));
            text.lines().next().unwrap_or_default().to_owned()
        };
        let words = |width| header(width).split_whitespace().count();
        assert_eq!([words(60), words(40), words(34), words(20)], [4, 3, 2, 2]);
        assert!(header(20).starts_with("NAME  a-long"), "{}", header(20));
        assert_eq!(table.render(None).split_whitespace().count(), 8);
    }

    #[test]
    fn for_programs_a_record_is_a_line_of_cells_between_tabs() {
        let mut table = Table::new(&["ID", "NAME", "NOTE"]);
        table.row(["1", "a\tb\nc", ""].map(str::to_owned));
        table.row(["2", "東京", "x"].map(str::to_owned));
        assert_eq!(table.records(), "1\ta\\tb\\nc\t\n2\t東京\tx\n");
    }

    #[test]
    fn columns_of_any_script_stand_below_each_other_and_fit() {
        let names = [
            "Zürich",
            "東京都の基本設定ポリシー",
            "🚀🚀 launch 🇳🇴",
            "नमस्ते दुनिया",
            "ｆｕｌｌｗｉｄｔｈ",
            "plain",
        ];
        for width in [30, 31, 32, 33, 40, 120] {
            let mut table = Table::new(&["NAME", "AT", "NOTE"]).whole(&["AT"]);
            for name in names {
                table.row([name.into(), "2026-12-01".into(), name.repeat(9)]);
            }
            let text = table.render(Some(width));
            let column = |line: &str| {
                let before = line.find("2026").or_else(|| line.find("AT"));
                line[..before.unwrap()].width()
            };
            assert_eq!(text.lines().count(), names.len() + 1, "{text}");
            for line in text.lines() {
                assert!(line.width() <= usize::from(width), "{width}: {line:?}");
                assert_eq!(column(line), column(text.lines().next().unwrap()), "{text}");
                assert_eq!(line.trim_end(), line);
            }
        }
    }
}
