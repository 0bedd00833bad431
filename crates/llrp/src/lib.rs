//! LLRP codec and sans-IO client and reader state machines.
