//! The only way out to a network: one HTTP client, its resolver and its address policy.
