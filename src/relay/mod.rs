//! The public server that agents connect to.

mod strict;
