//! Exporting.
