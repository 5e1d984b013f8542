//! Original files, kept by the hash of their content.
