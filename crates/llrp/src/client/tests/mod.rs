//! Client against simulated reader in virtual time.

mod links;
mod pair;
mod setup;
