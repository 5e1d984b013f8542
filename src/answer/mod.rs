//! From passages to cited sentences, or to an honest refusal.
