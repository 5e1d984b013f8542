//! Everything that was said about settings, as text, before any of it is believed.
//!
//! [`environment`] is the only place in Nosia that reads the process's variables.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::limits;

use super::error::ConfigError;
use super::foreign::{self, Fate};
use super::nearest::nearest;
use super::origin::Origin;
use super::row::Row;
use super::table::{self, SETTINGS};

/// The settings file that is read unless `NOSIA_CONFIG` names another.
pub const SETTINGS_FILE: &str = "/etc/nosia/nosia.toml";
/// The variable that names another settings file. It can not stand in one.
const SETTINGS_FILE_VARIABLE: &str = "NOSIA_CONFIG";
/// Variables that belong to tests and scripts of Nosia, not to the appliance.
const NOT_OURS: &[&str] = &[SETTINGS_FILE_VARIABLE, "NOSIA_TEST_DATA"];

/// What the process was given, in order of strength.
pub struct Inputs<E: Iterator<Item = (String, String)>> {
    /// Flags of the command line: a setting's key, with or without dashes, and its text. A repeated flag adds to a
    /// list of addresses.
    pub flags: Vec<(String, String)>,
    /// Names and values; those that are no setting may be among them.
    pub environment: E,
    /// systemd's folder of credentials, one file a setting, named like its variable.
    pub credentials_folder: Option<PathBuf>,
    /// The settings file's path and text.
    pub file: Option<(PathBuf, String)>,
}

/// What this process was started with, beside its `flags`: variables, credentials and the settings file.
///
/// # Errors
/// A settings file that is there and cannot be read.
pub fn environment(
    flags: Vec<(String, String)>,
) -> Result<Inputs<std::vec::IntoIter<(String, String)>>, Vec<ConfigError>> {
    let variables: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let value = |name: &str| variables.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, v)| v);
    let credentials_folder = value("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let file = match value(SETTINGS_FILE_VARIABLE) {
        Some(path) => Some(settings_file(Path::new(path))?),
        None if Path::new(SETTINGS_FILE).exists() => Some(settings_file(Path::new(SETTINGS_FILE))?),
        None => None,
    };
    Ok(Inputs { flags, environment: variables.into_iter(), credentials_folder, file })
}

/// The path and text of the settings file at `path`.
fn settings_file(path: &Path) -> Result<(PathBuf, String), Vec<ConfigError>> {
    match read_bounded(path) {
        Ok(text) => Ok((path.to_owned(), text)),
        Err(problem) => Err(vec![ConfigError {
            name: path.display().to_string(),
            origin: "settings file".to_owned(),
            problem: format!("cannot be read: {problem}"),
            allowed: Some(format!("a file that this user may read; {SETTINGS_FILE_VARIABLE} names another")),
        }]),
    }
}

/// A setting as it was typed.
pub struct Typed {
    pub text: String,
    pub origin: Origin,
}

/// Everything typed, sorted: what speaks of a setting, what means nothing here, and what is wrong already.
#[derive(Default)]
pub struct Gathered {
    /// By the setting's name, the strongest.
    pub typed: BTreeMap<&'static str, Typed>,
    pub ignored: Vec<Row>,
    pub faults: Vec<ConfigError>,
    /// The log stream that systemd connected, where it did.
    pub journal_stream: Option<String>,
}

impl Gathered {
    /// Sorts `inputs`; the strongest place is looked at first, and weaker ones no longer count.
    pub fn from<E: Iterator<Item = (String, String)>>(inputs: Inputs<E>) -> Gathered {
        let mut gathered = Gathered::default();
        gathered.take_flags(inputs.flags);
        gathered.take_environment(inputs.environment);
        if let Some(folder) = inputs.credentials_folder {
            gathered.take_credentials(&folder);
        }
        if let Some((path, text)) = inputs.file {
            gathered.take_file(&path, &text);
        }
        gathered
    }

    fn take(&mut self, name: &'static str, text: String, origin: Origin) {
        self.typed.entry(name).or_insert(Typed { text, origin });
    }

    fn fault(&mut self, name: impl Into<String>, origin: &Origin, problem: String, allowed: Option<String>) {
        self.faults.push(ConfigError { name: name.into(), origin: origin.to_string(), problem, allowed });
    }

    fn take_flags(&mut self, flags: Vec<(String, String)>) {
        for (flag, text) in flags {
            let Some(setting) = table::find(&flag) else {
                self.fault(flag, &Origin::Flag, "is no setting".to_owned(), None);
                continue;
            };
            match self.typed.get_mut(setting.name) {
                Some(earlier) => {
                    earlier.text.push(',');
                    earlier.text.push_str(&text);
                }
                None => self.take(setting.name, text, Origin::Flag),
            }
        }
    }

    fn take_environment(&mut self, environment: impl Iterator<Item = (String, String)>) {
        let variables: BTreeMap<String, String> = environment.filter(|(_, value)| !value.is_empty()).collect();
        self.journal_stream = variables.get("JOURNAL_STREAM").cloned();
        for (name, value) in &variables {
            if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
                self.take(setting.name, value.clone(), Origin::Environment);
                continue;
            }
            let setting = name.strip_suffix("_FILE").and_then(|n| SETTINGS.iter().find(|setting| setting.name == n));
            match setting {
                Some(setting) if variables.contains_key(setting.name) => {
                    let problem = format!("is set, and so is {}", setting.name);
                    self.fault(name, &Origin::Environment, problem, Some("one of the two".to_owned()));
                }
                Some(setting) => self.take_named_file(setting.name, name, value),
                None => self.take_stranger(name, value),
            }
        }
    }

    fn take_named_file(&mut self, name: &'static str, variable: &str, path: &str) {
        match read_bounded(Path::new(path)) {
            Ok(text) => self.take(name, without_last_newline(text), Origin::NamedFile(PathBuf::from(path))),
            Err(problem) => {
                self.fault(
                    variable,
                    &Origin::Environment,
                    format!("names {path}, which cannot be read: {problem}"),
                    None,
                );
            }
        }
    }

    /// A variable that is no setting: most are none of our business, some deserve a word.
    fn take_stranger(&mut self, name: &str, value: &str) {
        let note = match foreign::fate(name, value) {
            Fate::Refused(reason) => return self.fault(name, &Origin::Environment, reason.to_owned(), None),
            Fate::Ignored(reason) => format!("means nothing here: {reason}"),
            Fate::Unknown if name.starts_with("NOSIA_") && !NOT_OURS.contains(&name) => {
                let known = nearest(name, SETTINGS.iter().map(|setting| setting.name));
                known.map_or("is no setting".to_owned(), |near| format!("is no setting; {near} is"))
            }
            Fate::Unknown => return,
        };
        // The value is not shown: a name that we do not know may hold a password.
        self.ignored.push(Row {
            name: name.to_owned(),
            value: String::new(),
            origin: Origin::Environment.to_string(),
            note,
        });
    }

    fn take_credentials(&mut self, folder: &Path) {
        for setting in SETTINGS {
            let path = folder.join(setting.name);
            match read_bounded(&path) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => self.take(setting.name, without_last_newline(text), Origin::Credential),
                Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
                Err(problem) => {
                    self.fault(setting.name, &Origin::Credential, format!("cannot be read: {problem}"), None)
                }
            }
        }
    }

    fn take_file(&mut self, path: &Path, text: &str) {
        let origin = Origin::SettingsFile(path.to_owned());
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(problem) => {
                // The error's own text quotes the line, which may hold a key.
                let line =
                    problem.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
                return self.fault(format!("line {line}"), &origin, problem.message().to_owned(), None);
            }
        };
        for (key, value) in table {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
                let near = nearest(&key, SETTINGS.iter().map(|setting| setting.key));
                let problem =
                    near.map_or("is no setting".to_owned(), |near| format!("is no setting; is `{near}` meant?"));
                self.fault(key, &origin, problem, None);
                continue;
            };
            match typed(&value) {
                Some(text) if text.is_empty() => {}
                Some(text) => self.take(setting.name, text, origin.clone()),
                None => {
                    let problem = format!("is {}", value.type_str());
                    self.fault(key, &origin, problem, Some(setting.kind.allowed()));
                }
            }
        }
    }
}

/// A TOML value as it would be typed in a variable; `None` for a table or a date.
fn typed(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(on.to_string()),
        toml::Value::Array(values) => {
            let texts: Option<Vec<&str>> = values.iter().map(toml::Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// The text of a file of settings, unless it is larger than any could be.
fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(limits::SETTINGS_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > limits::SETTINGS_BYTES_MAX {
        return Err(io::Error::other(format!("it is larger than {} bytes", limits::SETTINGS_BYTES_MAX)));
    }
    Ok(text)
}

/// `text` without the line end that editors and `echo` put behind it.
fn without_last_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}
