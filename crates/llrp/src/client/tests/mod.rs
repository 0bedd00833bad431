//! Client against simulated reader in virtual time.

mod limits;
mod links;
mod negotiate;
mod pair;
mod setup;
