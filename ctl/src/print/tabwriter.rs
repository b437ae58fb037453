//! Columns that line up: the elastic tab stops that kubectl's tables and descriptions are made with.
//!
//! A cell is text that ends in a tab; what follows the last tab of a line belongs to no column. Consecutive lines that
//! have a cell in the same column share that column's width, so a shorter line ends the column. This is the behaviour
//! of the Go library's `text/tabwriter`, which kubectl uses, with spaces as padding.

/// How wide columns are at least, and how far apart.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub min_width: usize,
    pub padding: usize,
}

/// Tables of `kubectl get`.
pub const TABLE: Layout = Layout { min_width: 6, padding: 3 };
/// Texts of `kubectl describe`.
pub const DESCRIBE: Layout = Layout { min_width: 0, padding: 2 };

/// Aligns tab-separated `text`; every line of the result ends in a newline.
pub fn align(text: &str, layout: Layout) -> String {
    Writer { layout, remembered: None, out: String::with_capacity(text.len() * 2) }.write(text)
}

/// As [`align`], but columns are never narrower than in the calls before: `widths` remembers. This is what keeps the
/// rows of a watch, which come one by one, under their headers.
pub fn align_remembering(text: &str, layout: Layout, widths: &mut Vec<usize>) -> String {
    Writer { layout, remembered: Some(widths), out: String::with_capacity(text.len() * 2) }.write(text)
}

struct Writer<'a> {
    layout: Layout,
    remembered: Option<&'a mut Vec<usize>>,
    out: String,
}

impl Writer<'_> {
    fn write(mut self, text: &str) -> String {
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        self.format(&lines, &mut Vec::new());
        self.out
    }

    /// Writes `lines`, given the widths of the columns to the left; recurses into each block of a further column.
    fn format(&mut self, lines: &[Vec<&str>], widths: &mut Vec<usize>) {
        let column = widths.len();
        let mut next = 0;
        while next < lines.len() {
            let block = lines[next..].iter().take_while(|line| column + 1 < line.len()).count();
            if block == 0 {
                write_line(&lines[next], widths, &mut self.out);
                next += 1;
                continue;
            }
            let block = &lines[next..next + block];
            next += block.len();
            let widest = block.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
            let width = self.remember(column, self.layout.min_width.max(widest + self.layout.padding));
            widths.push(width);
            self.format(block, widths);
            widths.pop();
        }
    }

    /// The widest that this column ever was, if widths are remembered.
    fn remember(&mut self, column: usize, width: usize) -> usize {
        let Some(widths) = &mut self.remembered else { return width };
        if widths.len() <= column {
            widths.resize(column + 1, 0);
        }
        widths[column] = widths[column].max(width);
        widths[column]
    }
}

fn write_line(cells: &[&str], widths: &[usize], out: &mut String) {
    for (index, cell) in cells.iter().enumerate() {
        out.push_str(cell);
        if index + 1 < cells.len() {
            let width = widths.get(index).copied().unwrap_or(0);
            let pad = width.saturating_sub(cell.chars().count());
            out.extend(std::iter::repeat_n(' ', pad));
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_the_padding() {
        assert_eq!(align("NAME\tAGE\nweb-1234567\t5m\n", TABLE), "NAME          AGE\nweb-1234567   5m\n");
    }

    #[test]
    fn a_narrow_column_keeps_the_minimum() {
        assert_eq!(align("A\tB\na\tb\n", TABLE), "A     B\na     b\n");
    }

    #[test]
    fn a_line_without_the_column_ends_it() {
        let text = "Name:\tweb\nLabels:\tapp=web\nNo column here\nA:\tb\n";
        assert_eq!(align(text, DESCRIBE), "Name:    web\nLabels:  app=web\nNo column here\nA:  b\n");
    }

    #[test]
    fn a_continuation_line_starts_under_the_value() {
        assert_eq!(align("Labels:\ta=1\n\tb=2\nX:\ty\n", DESCRIBE), "Labels:  a=1\n         b=2\nX:       y\n");
    }

    #[test]
    fn rows_that_come_later_stay_under_the_header() {
        let mut widths = Vec::new();
        let first = align_remembering("NAME\tREADY\nweb-1234567\t0/1\n", TABLE, &mut widths);
        let later = align_remembering("web\t1/1\n", TABLE, &mut widths);
        assert_eq!(first + &later, "NAME          READY\nweb-1234567   0/1\nweb           1/1\n");
    }
}
