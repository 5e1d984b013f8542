//! Which instructions this processor has.

use std::sync::OnceLock;

/// The sets of instructions that the loops are written for, from the plainest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Whatever the compiler makes of plain Rust.
    Portable,
    /// 128-bit vectors of arm64, which every such processor has.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// The same with dot products of bytes.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
    /// 256-bit vectors: AVX2 with FMA and F16C.
    Avx2,
    /// 512-bit vectors with dot products of bytes: AVX-512 F, BW, VL, DQ and VNNI.
    Avx512Vnni,
}

impl Isa {
    /// The best that this processor has.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(Isa::detect)
    }

    #[cfg(target_arch = "x86_64")]
    fn detect() -> Isa {
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vnni");
        match (avx2, avx512) {
            (true, true) => Isa::Avx512Vnni,
            (true, false) => Isa::Avx2,
            _ => Isa::Portable,
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn detect() -> Isa {
        if std::arch::is_aarch64_feature_detected!("dotprod") { Isa::NeonDot } else { Isa::Neon }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn detect() -> Isa {
        Isa::Portable
    }

    /// All that this processor has, the plainest first.
    pub fn all() -> Vec<Isa> {
        #[cfg(target_arch = "aarch64")]
        let all = [Isa::Portable, Isa::Neon, Isa::NeonDot];
        #[cfg(not(target_arch = "aarch64"))]
        let all = [Isa::Portable, Isa::Avx2, Isa::Avx512Vnni];
        all.into_iter().filter(|isa| *isa <= Isa::best()).collect()
    }

    /// The name that the field uses.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "NEON",
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDot => "NEON with dot products",
            Isa::Avx2 => "AVX2",
            Isa::Avx512Vnni => "AVX-512 VNNI",
        }
    }
}
