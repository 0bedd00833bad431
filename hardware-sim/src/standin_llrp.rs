#![allow(missing_docs)]
#[derive(Debug, Clone, Default)]
pub struct ReaderConfig {}
pub struct Reader;
pub struct Sighting {
    pub epc: Vec<u8>,
    pub bit_len: u16,
    pub pc: u16,
    pub antenna: u16,
    pub rssi_dbm: i8,
}
impl Reader {
    pub fn new(_: ReaderConfig) -> Self {
        Self
    }
    pub fn connect(&mut self, _: u64) {}
    pub fn refuse_second_client(&mut self) -> Vec<u8> {
        vec![1]
    }
    pub fn disconnect(&mut self) {}
    pub fn handle_bytes(&mut self, _: u64, _: &[u8]) {}
    pub fn handle_timeout(&mut self, _: u64) {}
    pub fn poll_timeout(&self) -> Option<u64> {
        None
    }
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        None
    }
    pub fn should_close(&self) -> bool {
        false
    }
    pub fn tag(&mut self, _: u64, s: &Sighting) {
        let _ = (&s.epc, s.bit_len, s.pc, s.antenna, s.rssi_dbm);
    }
    pub fn is_reading(&self) -> bool {
        false
    }
}
