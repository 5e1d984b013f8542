//! What is to compute a model: as the administrator names it.

use std::fmt;
use std::str::FromStr;

/// What was asked for. Accelerators of a kind are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// An accelerator if there is one, this machine's processor otherwise.
    Auto,
    /// This machine's processor.
    Cpu,
    Cuda(usize),
    Metal(usize),
}

impl FromStr for Device {
    type Err = &'static str;

    /// Reads `auto`, `cpu`, `cuda`, `cuda:1`, `metal`; the error says what is wrong, as the end of a sentence that began
    /// with the text.
    fn from_str(text: &str) -> Result<Device, &'static str> {
        let text = text.trim().to_lowercase();
        let (name, number) = text.split_once(':').map_or((text.as_str(), None), |(name, rest)| (name, Some(rest)));
        let number = number.map(|digits| digits.parse::<u8>().map(usize::from)).transpose();
        let number = number.map_err(|_| "has no number of a device after its colon")?;
        match (name, number) {
            ("auto", None) => Ok(Device::Auto),
            ("cpu", None) => Ok(Device::Cpu),
            ("cuda", number) => Ok(Device::Cuda(number.unwrap_or(0))),
            ("metal", number) => Ok(Device::Metal(number.unwrap_or(0))),
            _ => Err("is no device that is known"),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Device::Auto => formatter.write_str("auto"),
            Device::Cpu => formatter.write_str("cpu"),
            Device::Cuda(0) => formatter.write_str("cuda"),
            Device::Cuda(number) => write!(formatter, "cuda:{number}"),
            Device::Metal(0) => formatter.write_str("metal"),
            Device::Metal(number) => write!(formatter, "metal:{number}"),
        }
    }
}
