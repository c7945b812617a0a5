//! A table that breaks into panels where the page is too narrow.
//!
//! Columns come in blocks that belong together. As many blocks as fit stand side by side; the rest
//! follow below, with the names of the rows repeated.

use crate::style::{Paint, Style};
use crate::text::{fit, left, right, width};

/// Spaces between the columns of a block, and between blocks.
const GAP: usize = 2;
const BLOCK_GAP: usize = 4;
/// Columns the names keep, however narrow the page: all together, and each.
const MIN_NAMES: usize = 28;
const MIN_NAME: usize = 6;

/// What names the rows: the columns at the left.
pub(super) struct Names {
    pub(super) titles: Vec<String>,
    /// A cell for each title, row by row.
    pub(super) rows: Vec<Vec<String>>,
}

/// Columns that stay together, under one title.
pub(super) struct Block {
    pub(super) title: String,
    pub(super) columns: Vec<Column>,
}

pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) cells: Vec<Cell>,
}

#[derive(Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) paint: Paint,
}

impl Column {
    fn width(&self) -> usize {
        self.cells
            .iter()
            .map(|cell| width(&cell.text))
            .chain([width(self.title)])
            .max()
            .unwrap_or(0)
    }
}

impl Block {
    fn width(&self) -> usize {
        let columns: usize = self.columns.iter().map(Column::width).sum();
        let gaps = GAP * self.columns.len().saturating_sub(1);
        (columns + gaps).max(width(&self.title))
    }
}

/// Draws the table; the last row is the total and stands apart, unless it is the only one.
pub(super) fn draw(names: &Names, blocks: &[Block], style: &Style) -> String {
    let natural = names.widths();
    let each = natural.len() * (MIN_NAME + GAP);
    let least = (natural.iter().sum::<usize>() + GAP).min(MIN_NAMES.max(each));
    let mut panels: Vec<Vec<&Block>> = Vec::new();
    let mut used = usize::MAX;
    for block in blocks {
        let more = block.width() + BLOCK_GAP;
        if used.saturating_add(more) > style.columns() {
            panels.push(Vec::new());
            used = least;
        }
        used += more;
        if let Some(panel) = panels.last_mut() {
            panel.push(block);
        }
    }
    let taken = |panel: &Vec<&Block>| panel.iter().map(|block| block.width() + BLOCK_GAP).sum();
    let widest: usize = panels.iter().map(taken).max().unwrap_or(0);
    let widths = shrink(natural, style.columns().saturating_sub(widest).max(least));
    let panels: Vec<String> =
        panels.iter().map(|panel| draw_panel(names, &widths, panel, style)).collect();
    panels.join("\n")
}

impl Names {
    fn widths(&self) -> Vec<usize> {
        let title = |(at, title): (usize, &String)| {
            let cells = self.rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
            cells.max().unwrap_or(0).max(width(title))
        };
        self.titles.iter().enumerate().map(title).collect()
    }
}

/// Takes columns from the widest until they fit.
fn shrink(mut widths: Vec<usize>, room: usize) -> Vec<usize> {
    let gaps = GAP * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > MIN_NAME => *widest -= 1,
            _ => break,
        }
    }
    widths
}

fn draw_panel(names: &Names, widths: &[usize], blocks: &[&Block], style: &Style) -> String {
    let names_width = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    let whole = names_width + blocks.iter().map(|block| block.width() + BLOCK_GAP).sum::<usize>();
    let rule = style.paint(Paint::Dim, &style.pick("─", "-").repeat(whole));
    let mut out = String::new();

    let mut line = left("", names_width);
    for block in blocks {
        line += &" ".repeat(BLOCK_GAP);
        line += &centered(&block.title, block.width(), style);
    }
    push_line(&mut out, &style.paint(Paint::Dim, line.trim_end()));

    let mut line = name_cells(names.titles.iter().map(String::as_str), widths, style);
    for block in blocks {
        line += &block_cells(
            block,
            |column| (right(column.title, column.width()), Paint::Plain),
            style,
        );
    }
    push_line(&mut out, &style.paint(Paint::Bold, line.trim_end()));
    push_line(&mut out, &rule);

    for (at, row) in names.rows.iter().enumerate() {
        let total = at + 1 == names.rows.len();
        if total && at > 0 {
            push_line(&mut out, &rule);
        }
        let mut line = name_cells(row.iter().map(String::as_str), widths, style);
        for block in blocks {
            let cell = |column: &Column| {
                let cell = column.cells.get(at);
                let text = cell.map_or("", |cell| cell.text.as_str());
                (right(text, column.width()), cell.map_or(Paint::Plain, |cell| cell.paint))
            };
            line += &block_cells(block, cell, style);
        }
        push_line(&mut out, line.trim_end());
    }
    out
}

fn name_cells<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize], style: &Style) -> String {
    let cells: Vec<_> = cells
        .zip(widths)
        .map(|(text, columns)| left(&fit(text, *columns, style), *columns))
        .collect();
    cells.join(&" ".repeat(GAP))
}

fn block_cells(block: &Block, cell: impl Fn(&Column) -> (String, Paint), style: &Style) -> String {
    let cells = block.columns.iter().map(|column| {
        let (text, paint) = cell(column);
        style.paint(paint, &text)
    });
    let plain: usize = block.columns.iter().map(Column::width).sum();
    let gaps = GAP * block.columns.len().saturating_sub(1);
    let pad = BLOCK_GAP + block.width().saturating_sub(plain + gaps);
    format!("{:pad$}{}", "", cells.collect::<Vec<_>>().join(&" ".repeat(GAP)))
}

/// A block's title between two lines, so that one sees how far it reaches.
fn centered(title: &str, columns: usize, style: &Style) -> String {
    let room = columns.saturating_sub(width(title) + 2);
    if room == 0 {
        return right(title, columns);
    }
    let line = style.pick("─", "-");
    format!("{} {title} {}", line.repeat(room / 2), line.repeat(room - room / 2))
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}
