//! What kinds of values there are: how each is read from text, and the words for what is allowed.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::secret::Secret;
use crate::domain::device::Device;

/// The kind of a setting, with its range.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An absolute or relative path of a folder.
    Folder,
    /// Absolute paths of folders, separated by commas.
    Folders,
    /// One or more addresses with a port, separated by commas.
    Addresses,
    /// Ranges of IP addresses, separated by commas.
    Ranges,
    /// An http or https address with a host.
    WebAddress,
    /// One of these words, in small or capital letters.
    Word(&'static [&'static str]),
    /// A name on one line.
    Name,
    /// Any text, of several lines too.
    Text,
    /// A text that is never shown.
    Secret,
    /// A mail address.
    Mail,
    Whole {
        min: u64,
        max: u64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Switch,
    /// What computes models.
    Device,
}

/// A value after it was read; each kind yields exactly one of these.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Folder(PathBuf),
    Folders(Vec<PathBuf>),
    Addresses(Vec<SocketAddr>),
    Ranges(Vec<IpNet>),
    /// An address, a word, a name or a text.
    Text(String),
    Secret(Secret),
    Whole(u64),
    Number(f64),
    Switch(bool),
    Device(Device),
}

impl Value {
    /// The value for `nosia config`; a secret is masked.
    pub fn shown(&self) -> String {
        match self {
            Value::Folder(path) => path.display().to_string(),
            Value::Folders(paths) => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
            Value::Addresses(addresses) => addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", "),
            Value::Ranges(ranges) => ranges.iter().map(IpNet::to_string).collect::<Vec<_>>().join(", "),
            Value::Text(text) => text.clone(),
            Value::Secret(secret) => secret.to_string(),
            Value::Whole(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Switch(on) => on.to_string(),
            Value::Device(device) => device.to_string(),
        }
    }
}

const ON: [&str; 4] = ["true", "yes", "on", "1"];
const OFF: [&str; 4] = ["false", "no", "off", "0"];

impl Kind {
    /// Reads `text`; the error says what is wrong with it, as the end of a sentence that began with the text.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        let text = if matches!(self, Kind::Text | Kind::Secret) { text } else { text.trim() };
        match self {
            Kind::Folder => Ok(Value::Folder(PathBuf::from(text))),
            Kind::Folders => folders(text).map(Value::Folders),
            Kind::Addresses => addresses(text).map(Value::Addresses),
            Kind::Ranges => ranges(text).map(Value::Ranges),
            Kind::WebAddress => web_address(text).map(Value::Text),
            Kind::Word(words) => {
                let word = text.to_lowercase();
                if words.contains(&word.as_str()) { Ok(Value::Text(word)) } else { Err("is not known".to_owned()) }
            }
            Kind::Name if text.contains(['\n', '\r', '\0']) => Err("is more than one line".to_owned()),
            Kind::Name | Kind::Text => Ok(Value::Text(text.to_owned())),
            Kind::Secret => Ok(Value::Secret(Secret::new(text))),
            Kind::Mail => mail(text),
            Kind::Whole { min, max } => whole(text, min, max).map(Value::Whole),
            Kind::Number { min, max } => number(text, min, max).map(Value::Number),
            Kind::Switch => match text.to_lowercase().as_str() {
                word if ON.contains(&word) => Ok(Value::Switch(true)),
                word if OFF.contains(&word) => Ok(Value::Switch(false)),
                _ => Err("is neither yes nor no".to_owned()),
            },
            Kind::Device => text.parse().map(Value::Device).map_err(str::to_owned),
        }
    }

    /// What is allowed, in words: `a whole number from 64 to 2048`.
    pub fn allowed(self) -> String {
        match self {
            Kind::Folder => "a folder".to_owned(),
            Kind::Folders => "absolute paths of folders such as /srv/documents, several separated by commas".to_owned(),
            Kind::Addresses => {
                "an address and a port such as 127.0.0.1:3000 or [::]:443, several separated by commas; names are not \
                 resolved"
                    .to_owned()
            }
            Kind::Ranges => {
                "a range of addresses such as 10.1.0.0/16 or fd12::/48, several separated by commas".to_owned()
            }
            Kind::WebAddress => "an address such as https://nosia.example.org".to_owned(),
            Kind::Word(words) => words.join(", "),
            Kind::Name => "a name on one line".to_owned(),
            Kind::Text => "any text".to_owned(),
            Kind::Secret => "a secret text".to_owned(),
            Kind::Mail => "a mail address".to_owned(),
            Kind::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Number { min, max } => format!("a number from {min} to {max}"),
            Kind::Switch => "true or false".to_owned(),
            Kind::Device => "auto, cpu, cuda or metal; cuda:1 is the second of its kind".to_owned(),
        }
    }
}

fn folders(text: &str) -> Result<Vec<PathBuf>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let folder = |part: &str| {
        let path = PathBuf::from(part);
        if path.is_absolute() { Ok(path) } else { Err(format!("has `{part}`, which does not begin with a slash")) }
    };
    parts.map(folder).collect()
}

fn addresses(text: &str) -> Result<Vec<SocketAddr>, String> {
    let mut found = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let numeric = part.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let address: SocketAddr = numeric
            .as_deref()
            .unwrap_or(part)
            .parse()
            .map_err(|_| format!("has `{part}`, which is not an address with a port"))?;
        if !found.contains(&address) {
            found.push(address);
        }
    }
    if found.is_empty() { Err("holds no address".to_owned()) } else { Ok(found) }
}

/// Each range with the bits behind its prefix cleared; an address alone is a range of one.
fn ranges(text: &str) -> Result<Vec<IpNet>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let range = |part: &str| {
        let alone = part.parse().map(|address: std::net::IpAddr| IpNet::from(address));
        part.parse().or(alone).map(|range: IpNet| range.trunc()).map_err(|_| format!("has `{part}`, which is no range"))
    };
    parts.map(range).collect()
}

/// The address without a slash at its end, so that a path can be put behind it.
fn web_address(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|problem| format!("is not an address ({problem})"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("begins with `{}:`, not with http: or https:", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a name or password, which would be shown in logs".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a question mark or a hash sign".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn mail(text: &str) -> Result<Value, String> {
    let well_formed =
        text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
            && !text.contains(char::is_whitespace);
    if well_formed { Ok(Value::Text(text.to_owned())) } else { Err("is not a mail address".to_owned()) }
}

fn whole(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let digits = text.replace('_', "");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a whole number".to_owned());
    }
    match digits.parse() {
        Ok(number) if number < min => Err("is too small".to_owned()),
        Ok(number) if number <= max => Ok(number),
        _ => Err("is too large".to_owned()),
    }
}

fn number(text: &str, min: f64, max: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_nan() => Err("is not a number".to_owned()),
        Ok(number) if number < min => Err("is too small".to_owned()),
        Ok(number) if number > max => Err("is too large".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("is not a number".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    fn check(kind: Kind, text: &str, expected: Result<&str, &str>) {
        match (kind.parse(text), expected) {
            (Ok(value), Ok(shown)) => assert_eq!(value.shown(), shown, "{text:?}"),
            (Err(problem), Err(part)) => assert!(problem.contains(part), "{text:?}: {problem}"),
            (found, expected) => panic!("{text:?} gave {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn values_are_read_or_refused_with_the_reason() {
        check(Kind::Addresses, "127.0.0.1:3000", Ok("127.0.0.1:3000"));
        check(Kind::Addresses, "localhost:80, [::]:443,localhost:80", Ok("127.0.0.1:80, [::]:443"));
        check(Kind::Addresses, "nosia.example.org:443", Err("not an address with a port"));
        check(Kind::Addresses, "127.0.0.1", Err("not an address with a port"));
        check(Kind::Addresses, " , ", Err("no address"));
        check(Kind::Ranges, "10.1.2.3/16, fd12::/48,192.168.1.7", Ok("10.1.0.0/16, fd12::/48, 192.168.1.7/32"));
        check(Kind::Ranges, "10.1.0.0/33", Err("no range"));
        check(Kind::Ranges, "intranet.example.org", Err("no range"));
        check(Kind::WebAddress, "http://127.0.0.1:11434/v1/", Ok("http://127.0.0.1:11434/v1"));
        check(Kind::WebAddress, "nosia.example.org", Err("not an address"));
        check(Kind::WebAddress, "ftp://nosia.example.org", Err("ftp"));
        check(Kind::WebAddress, "https://a:b@nosia.example.org", Err("password"));
        check(Kind::Word(&["info", "warn"]), "INFO", Ok("info"));
        check(Kind::Word(&["info", "warn"]), "loud", Err("not known"));
        check(Kind::Name, " granite3.3:2b ", Ok("granite3.3:2b"));
        check(Kind::Name, "a\nb", Err("one line"));
        check(Kind::Text, " a\nb ", Ok(" a\nb "));
        check(Kind::Mail, "ops@example.org", Ok("ops@example.org"));
        check(Kind::Mail, "ops@", Err("mail"));
        check(Kind::Whole { min: 1, max: 9 }, "9", Ok("9"));
        check(Kind::Whole { min: 1, max: 9 }, "0", Err("too small"));
        check(Kind::Whole { min: 1, max: 9 }, "99999999999999999999999", Err("too large"));
        check(Kind::Whole { min: 1, max: 9 }, "-1", Err("whole number"));
        check(Kind::Whole { min: 1, max: 9 }, "ten", Err("whole number"));
        check(Kind::Number { min: 0.0, max: 2.0 }, "0.1", Ok("0.1"));
        check(Kind::Number { min: 0.0, max: 2.0 }, "nan", Err("not a number"));
        check(Kind::Number { min: 0.0, max: 2.0 }, "0,1", Err("not a number"));
        check(Kind::Number { min: 0.0, max: 2.0 }, "inf", Err("too large"));
        check(Kind::Switch, "Yes", Ok("true"));
        check(Kind::Switch, "0", Ok("false"));
        check(Kind::Switch, "maybe", Err("neither"));
        check(Kind::Device, " Auto ", Ok("auto"));
        check(Kind::Device, "cpu", Ok("cpu"));
        check(Kind::Device, "CUDA:0", Ok("cuda"));
        check(Kind::Device, "cuda:1", Ok("cuda:1"));
        check(Kind::Device, "metal", Ok("metal"));
        check(Kind::Device, "cuda:first", Err("number"));
        check(Kind::Device, "cpu:1", Err("no device"));
        check(Kind::Device, "gpu", Err("no device"));
        check(Kind::Secret, "sk-1", Ok("********"));
    }
}
