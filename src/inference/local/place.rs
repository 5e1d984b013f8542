//! Where a model computes: on the accelerator that is wanted, if it is there and has room, or else on the processor.

use super::{LocalOptions, memory};
use crate::domain::device::Device;
use crate::inference::InferenceError;
use crate::inference::arch::decoder::cache::{PAGE, Precision};
use crate::inference::arch::decoder::{Decoder, Network};
use crate::inference::device::{self, Accelerator};
use crate::inference::gguf::Gguf;
use crate::inference::kernel::isa::Isa;
use crate::limits;

/// Of all memory, one part in so many is for keys and values unless somebody says otherwise.
const CACHE_SHARE: u64 = 8;
/// Memory of a forward pass and of everything else that runs beside the model, in bytes.
const BESIDE_BYTES: u64 = 512 << 20;
/// The same on an accelerator, whose libraries take some too.
const BESIDE_BYTES_ON_DEVICE: u64 = 1 << 30;

/// A network that is loaded.
pub struct Placed {
    pub network: Network,
    /// Pages of its cache.
    pub pages: usize,
    /// What computes it, and why where that was not what was asked for: for the administrator.
    pub computes: String,
}

/// Memory that a model may use.
struct Room {
    /// All of it, in bytes.
    total: u64,
    /// What is not the model's, in bytes.
    beside: u64,
}

/// Loads the network of `gguf` for conversations of `context` tokens.
///
/// # Errors
/// [`InferenceError::Model`] if it fits no memory.
pub fn place(gguf: &Gguf, decoder: Decoder, context: usize, options: LocalOptions) -> Result<Placed, InferenceError> {
    gguf.will_be_read();
    let pages_in = |room: &Room| pages(gguf, &decoder, context, options.cache_bytes, room);
    match accelerated(&decoder, options.device, pages_in) {
        Ok(Some(placed)) => Ok(placed),
        otherwise => {
            let pages = pages_in(&Room { total: memory::total_bytes(), beside: BESIDE_BYTES })?;
            Ok(on_processor(decoder, pages, otherwise.err()))
        }
    }
}

/// Loads the network of `decoder` with a cache of `pages`, whatever memory there is.
pub fn place_of_size(decoder: Decoder, device: Device, pages: usize) -> Placed {
    match accelerated(&decoder, device, |_| Ok(pages)) {
        Ok(Some(placed)) => placed,
        otherwise => on_processor(decoder, pages, otherwise.err()),
    }
}

/// The network on the processor, and why if that was not what was asked for.
fn on_processor(decoder: Decoder, pages: usize, because: Option<String>) -> Placed {
    let because = because.map(|reason| format!(", because {reason}")).unwrap_or_default();
    let computes = format!("the processor ({}){because}", Isa::best().name());
    Placed { network: Network::on_processor(decoder, pages, Precision::Half), pages, computes }
}

/// The network on the accelerator that is wanted; `None` where none is. The error is a clause: why not there.
fn accelerated(
    decoder: &Decoder,
    wanted: Device,
    pages_in: impl FnOnce(&Room) -> Result<usize, InferenceError>,
) -> Result<Option<Placed>, String> {
    device::find(wanted)?.map(|accelerator| on_accelerator(decoder, accelerator, pages_in)).transpose()
}

/// The network on `accelerator`, with as many pages as `pages_in` finds room for.
fn on_accelerator(
    decoder: &Decoder,
    accelerator: Accelerator,
    pages_in: impl FnOnce(&Room) -> Result<usize, InferenceError>,
) -> Result<Placed, String> {
    let Accelerator { device, name, free_bytes } = accelerator;
    let total = free_bytes.unwrap_or_else(memory::total_bytes);
    let loaded = pages_in(&Room { total, beside: BESIDE_BYTES_ON_DEVICE })
        .and_then(|pages| Network::on_device(decoder, &device, pages, Precision::Half).map(|network| (network, pages)));
    match loaded {
        Ok((network, pages)) => Ok(Placed { network, pages, computes: name }),
        Err(error) => Err(format!("{name} cannot be used: {}", error.to_string().trim_end_matches('.'))),
    }
}

/// The pages of a cache that fits `room`.
fn pages(
    gguf: &Gguf,
    decoder: &Decoder,
    context: usize,
    bytes: Option<u64>,
    room: &Room,
) -> Result<usize, InferenceError> {
    let Room { total, beside } = *room;
    let shape = decoder.cache_shape();
    let page_bytes = shape.page_bytes(Precision::Half).max(1) as u64;
    let one_context = context.div_ceil(PAGE) as u64 * page_bytes;
    let states = limits::GENERATIONS_AT_ONCE_MAX as u64 * shape.state_bytes() as u64;
    let fixed = gguf.bytes() as u64 + states + beside;
    let wanted = bytes.unwrap_or((total / CACHE_SHARE).max(one_context));
    // More than all conversations at once can use is never needed.
    let most = limits::GENERATIONS_AT_ONCE_MAX as u64 * 2 * one_context;
    let left = total.saturating_sub(fixed);
    let given = wanted.min(most).min(if bytes.is_some() { u64::MAX } else { left });
    let pages = usize::try_from(given / page_bytes).unwrap_or(usize::MAX);
    let needed = fixed + given.max(limits::CONTEXT_TOKENS_MIN.div_ceil(PAGE) as u64 * page_bytes);
    if needed > total || pages * PAGE < limits::CONTEXT_TOKENS_MIN.min(context) {
        return Err(InferenceError::Model(format!(
            "The model {} does not fit the memory: it needs {} (weights {}, conversations {}, everything else {}), and \
             there are {}. Choose a smaller model or quantisation, or lower LLM_NUM_CTX.",
            gguf.path().display(),
            gibibytes(needed),
            gibibytes(gguf.bytes() as u64),
            gibibytes(needed - fixed + states),
            gibibytes(beside),
            gibibytes(total),
        )));
    }
    Ok(pages)
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::{Accelerator, on_accelerator, pages};
    use crate::inference::arch::decoder::Decoder;
    use crate::inference::gguf::Gguf;
    use std::path::PathBuf;

    /// What becomes of the network `name` on a device with so much memory: the device, or why not.
    fn check(name: &str, free_bytes: u64, expected: Result<&str, &str>) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/golden/decoders");
        let gguf = Gguf::open(&PathBuf::from(folder).join(name)).expect("the network is there");
        let decoder = Decoder::new(&gguf).expect("it is supported");
        let accelerator =
            Accelerator { device: candle_core::Device::Cpu, name: "device 7".to_owned(), free_bytes: Some(free_bytes) };
        let placed = on_accelerator(&decoder, accelerator, |room| pages(&gguf, &decoder, 64, None, room));
        match (placed, expected) {
            (Ok(placed), Ok(computes)) => assert_eq!(placed.computes, computes, "{name}"),
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{name}: {reason}"),
            (placed, expected) => panic!("{name}: {:?}, not {expected:?}", placed.map(|placed| placed.computes)),
        }
    }

    #[test]
    fn a_device_computes_what_fits_it() {
        check("llama.gguf", 2 << 30, Ok("device 7"));
        check("llama.gguf", 1 << 30, Err("device 7 cannot be used: The model"));
        check("llama.gguf", 1 << 30, Err("does not fit the memory"));
        check("granitehybrid.gguf", 2 << 30, Err("on the processor only"));
    }
}
