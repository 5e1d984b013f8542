//! Amounts as people write them.

use serde_json::Value;

/// `1.5 GB`, `87 MB`, `612 B`; `-` for what is not known. Decimal, as hubs and disks count.
pub fn bytes(value: &Value) -> String {
    match value.as_u64() {
        None => "-".to_owned(),
        Some(bytes) if bytes >= 1_000_000_000 => format!("{:.1} GB", bytes as f64 / 1e9),
        Some(bytes) if bytes >= 1_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        Some(bytes) if bytes >= 1_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        Some(bytes) => format!("{bytes} B"),
    }
}

/// `2.5 billion`, `22.7 million`; `-` for what is not known.
pub fn count(value: &Value) -> String {
    match value.as_u64() {
        None => "-".to_owned(),
        Some(count) if count >= 1_000_000_000 => format!("{:.1} billion", count as f64 / 1e9),
        Some(count) if count >= 1_000_000 => format!("{:.1} million", count as f64 / 1e6),
        Some(count) => count.to_string(),
    }
}

/// `rows` as lines, each column as wide as its widest cell, the last as it comes.
pub fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, table};
    use serde_json::{Value, json};

    #[test]
    fn amounts_are_short() {
        for (value, as_bytes, as_count) in [
            (Value::Null, "-", "-"),
            (json!(612), "612 B", "612"),
            (json!(12_000), "12 kB", "12000"),
            (json!(90_868_376), "91 MB", "90.9 million"),
            (json!(1_545_303_328_u64), "1.5 GB", "1.5 billion"),
        ] {
            assert_eq!((bytes(&value).as_str(), count(&value).as_str()), (as_bytes, as_count), "{value}");
        }
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["a", "bb", "c"], ["aaa", "b", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), ["a    bb  c", "aaa  b"]);
    }
}
