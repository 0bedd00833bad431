//! Client against simulated reader in virtual time.

mod again;
mod hostile;
mod limits;
mod links;
mod negotiate;
mod pair;
mod ports;
mod setup;
mod stopped;
mod tags;
