//! Plain tables for people: columns and spaces, good on a terminal and in a mail.

use comfy_table::{CellAlignment, Table, presets};

/// Lays out rows below a header; columns whose header begins with `>` stand to the right. Control characters are made visible.
pub fn layout(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().map(|h| h.trim_start_matches('>').to_uppercase()).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.iter().map(|cell| visible(cell)).collect::<Vec<_>>());
    }
    for (index, _) in header.iter().enumerate().filter(|(_, h)| h.starts_with('>')) {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// Bytes as people read them: 1.2 MB.
pub fn bytes(count: u64) -> String {
    let mut scaled = count as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if scaled < 999.5 {
            return if unit == "B" || scaled >= 99.95 { format!("{scaled:.0} {unit}") } else { format!("{scaled:.1} {unit}") };
        }
        scaled /= 1000.0;
    }
    format!("{scaled:.1} PB")
}

/// Text from elsewhere must not steer a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_and_defuses() {
        let text = layout(&["who", ">bytes"], [vec!["a\u{1b}[31m".into(), "7".into()], vec!["bb".into(), "1000".into()]]);
        assert_eq!(text, " WHO     BYTES\n a\u{fffd}[31m      7\n bb       1000");
    }

    #[test]
    fn bytes_read_well() {
        for (count, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (999_999, "1.0 MB"), (u64::MAX, "18446.7 PB")]
        {
            assert_eq!(bytes(count), text, "{count}");
        }
    }
}
