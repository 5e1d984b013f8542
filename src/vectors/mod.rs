//! A derived int8 copy of the vectors, scanned with SIMD within a scope.
