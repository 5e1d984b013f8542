//! Accelerators: which one there is, and the memory that it has.
//!
//! Which kinds can be used at all was decided when this program was built (features `cuda` and `metal`); whether one is
//! there is found out when a model is loaded. A machine without the driver is no error.

use crate::domain::device::Device as Wanted;
use candle_core::Device;
use std::panic::catch_unwind;

/// An accelerator that answers.
pub struct Accelerator {
    pub device: Device,
    /// For the administrator: `CUDA device 0 (NVIDIA L4)`.
    pub name: String,
    /// The memory that is free on it, in bytes; `None` where it shares this machine's.
    pub free_bytes: Option<u64>,
}

/// The accelerator that `wanted` means; `None` where it means the processor.
///
/// # Errors
/// A sentence without its full stop: why there is none, although one was asked for or this program was built for one.
pub fn find(wanted: Wanted) -> Result<Option<Accelerator>, String> {
    match wanted {
        Wanted::Cpu => Ok(None),
        Wanted::Cuda(number) => cuda(number).map(Some),
        Wanted::Metal(number) => metal(number).map(Some),
        Wanted::Auto if cfg!(feature = "cuda") => cuda(0).map(Some),
        Wanted::Auto if cfg!(feature = "metal") => metal(0).map(Some),
        Wanted::Auto => Ok(None),
    }
}

fn cuda(number: usize) -> Result<Accelerator, String> {
    if !cfg!(feature = "cuda") {
        return Err("this program was built without CUDA".to_owned());
    }
    // A stream of its own: one thread loads the weights, another computes with them.
    let device = opened("CUDA", number, || Device::new_cuda_with_stream(number))?;
    let (name, free_bytes) = about_cuda(&device).map_err(|reason| format!("CUDA device {number} fails: {reason}"))?;
    Ok(Accelerator { device, name: format!("CUDA device {number} ({name})"), free_bytes: Some(free_bytes) })
}

/// A device's own name, and its free memory in bytes.
#[cfg(feature = "cuda")]
fn about_cuda(device: &Device) -> Result<(String, u64), String> {
    let device = device.as_cuda_device().map_err(|error| error.to_string())?;
    let stream = device.cuda_stream();
    let context = stream.context();
    let name = context.name().map_err(|error| format!("{error:?}"))?;
    let (free_bytes, _) = context.mem_get_info().map_err(|error| format!("{error:?}"))?;
    Ok((name, free_bytes as u64))
}

#[cfg(not(feature = "cuda"))]
fn about_cuda(_device: &Device) -> Result<(String, u64), String> {
    Err("this program was built without CUDA".to_owned())
}

fn metal(number: usize) -> Result<Accelerator, String> {
    if !cfg!(feature = "metal") {
        return Err("this program was built without Metal".to_owned());
    }
    let device = opened("Metal", number, || Device::new_metal(number))?;
    Ok(Accelerator { device, name: format!("Metal device {number}"), free_bytes: None })
}

/// The device that `open` gives. The libraries beneath panic where parts of a driver are missing; that is no more than
/// another way to say that there is no device.
fn opened(
    kind: &str,
    number: usize,
    open: impl FnOnce() -> candle_core::Result<Device> + std::panic::UnwindSafe,
) -> Result<Device, String> {
    let reason = match catch_unwind(open) {
        Ok(Ok(device)) => return Ok(device),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its driver is not complete".to_owned(),
    };
    Err(format!("{kind} device {number} cannot be used: {}", reason.lines().next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::{Wanted, find};

    #[test]
    fn what_is_not_there_is_said() {
        assert!(matches!(find(Wanted::Cpu), Ok(None)));
        // No machine has so many.
        for (wanted, part) in [(Wanted::Cuda(255), "CUDA"), (Wanted::Metal(255), "Metal")] {
            assert!(find(wanted).err().is_some_and(|reason| reason.contains(part)), "{wanted}");
        }
        if !cfg!(any(feature = "cuda", feature = "metal")) {
            assert!(matches!(find(Wanted::Auto), Ok(None)));
        }
    }
}
