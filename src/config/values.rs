//! The values of all settings by name, after parsing; asked for one by one, as the type that the table promises.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::error::ConfigError;
use super::inputs::Gathered;
use super::kind::{Kind, Value};
use super::origin::Origin;
use super::row::Row;
use super::secret::Secret;
use super::table::SETTINGS;
use crate::domain::device::Device;

/// Every setting's value by name, each of the type that its kind yields.
pub struct Values {
    values: BTreeMap<&'static str, Value>,
    /// One a setting, in the table's order.
    pub rows: Vec<Row>,
}

impl Values {
    /// Parses what was typed and fills in defaults; what cannot be parsed is added to `faults`.
    pub fn read(gathered: &Gathered, faults: &mut Vec<ConfigError>) -> Values {
        let (mut values, mut rows) = (BTreeMap::new(), Vec::new());
        for setting in SETTINGS {
            let typed = gathered.typed.get(setting.name);
            let origin = typed.map_or(Origin::Default, |typed| typed.origin.clone());
            let Some(text) = typed.map(|typed| typed.text.clone()).or_else(|| setting.default.text()) else {
                rows.push(row(setting.name, String::new(), &origin, setting.idle));
                continue;
            };
            match setting.kind.parse(&text) {
                Ok(value) => {
                    rows.push(row(setting.name, value.shown(), &origin, setting.idle));
                    values.insert(setting.name, value);
                }
                Err(problem) => faults.push(ConfigError {
                    name: setting.name.to_owned(),
                    origin: origin.to_string(),
                    problem: format!("{} {problem}", quoted(setting.kind, &text)),
                    allowed: Some(setting.kind.allowed()),
                }),
            }
        }
        Values { values, rows }
    }

    pub fn folder(&mut self, name: &'static str) -> Option<PathBuf> {
        match self.values.remove(name) {
            Some(Value::Folder(path)) => Some(path),
            None => None,
            other => unreachable!("the table says that {name} is a folder: {other:?}"),
        }
    }

    /// Folders; none where nobody set any.
    pub fn folders(&mut self, name: &'static str) -> Vec<PathBuf> {
        match self.values.remove(name) {
            Some(Value::Folders(paths)) => paths,
            None => Vec::new(),
            other => unreachable!("the table says that {name} is folders: {other:?}"),
        }
    }

    pub fn addresses(&mut self, name: &'static str) -> Vec<SocketAddr> {
        match self.values.remove(name) {
            Some(Value::Addresses(addresses)) => addresses,
            other => unreachable!("the table says that {name} is addresses: {other:?}"),
        }
    }

    /// Ranges of addresses; none where nobody set any.
    pub fn ranges(&mut self, name: &'static str) -> Vec<IpNet> {
        match self.values.remove(name) {
            Some(Value::Ranges(ranges)) => ranges,
            None => Vec::new(),
            other => unreachable!("the table says that {name} is ranges: {other:?}"),
        }
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        match self.values.remove(name) {
            Some(Value::Text(text)) => Some(text),
            None => None,
            other => unreachable!("the table says that {name} is text: {other:?}"),
        }
    }

    /// A text that has a default.
    pub fn word(&mut self, name: &'static str) -> String {
        self.text(name).expect("the table gives it a default")
    }

    pub fn secret(&mut self, name: &'static str) -> Option<Secret> {
        match self.values.remove(name) {
            Some(Value::Secret(secret)) => Some(secret),
            None => None,
            other => unreachable!("the table says that {name} is a secret: {other:?}"),
        }
    }

    pub fn optional_size(&self, name: &'static str) -> Option<usize> {
        match self.values.get(name) {
            Some(Value::Whole(number)) => Some(usize::try_from(*number).expect("its range ends below usize's")),
            None => None,
            other => unreachable!("the table says that {name} is a whole number: {other:?}"),
        }
    }

    pub fn size(&self, name: &'static str) -> usize {
        self.optional_size(name).expect("the table gives it a default")
    }

    pub fn whole(&self, name: &'static str) -> u64 {
        self.size(name) as u64
    }

    pub fn number(&self, name: &'static str) -> f64 {
        match self.values.get(name) {
            Some(Value::Number(number)) => *number,
            other => unreachable!("the table says that {name} is a number: {other:?}"),
        }
    }

    pub fn device(&self, name: &'static str) -> Device {
        match self.values.get(name) {
            Some(Value::Device(device)) => *device,
            other => unreachable!("the table says that {name} is a device: {other:?}"),
        }
    }

    pub fn switch(&self, name: &'static str) -> bool {
        match self.values.get(name) {
            Some(Value::Switch(on)) => *on,
            other => unreachable!("the table says that {name} is a switch: {other:?}"),
        }
    }
}

/// `text` as a message may show it: an address with a password in it is not shown.
fn quoted(kind: Kind, text: &str) -> String {
    let hidden = matches!(kind, Kind::Secret) || (matches!(kind, Kind::WebAddress) && text.contains('@'));
    if hidden { "the value".to_owned() } else { format!("`{}`", text.escape_debug()) }
}

fn row(name: &str, value: String, origin: &Origin, idle: Option<&str>) -> Row {
    let note = idle.map(|why| format!("changes nothing: {why}")).unwrap_or_default();
    Row { name: name.to_owned(), value, origin: origin.to_string(), note }
}
