//! The program `sim-reader` as a belt: what starts by a light barrier is started.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tracegate_llrp::client::{ClientConfig, GpiTrigger};
use tracegate_sim::wait_until;

use super::host::{Host, Via};
use super::site::{PATIENCE, quick};

/// Ends with the test, whatever becomes of it.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn boxes_start_a_reader_that_waits_for_a_light_barrier() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sim-reader"));
    program.args(["--boxes", "5", "--input", "1", "--antennas", "2"]);
    program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = Program(program.spawn().unwrap());
    let mut said = BufReader::new(program.0.stdout.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    let at = first.strip_prefix("listening on ").unwrap();
    let client = ClientConfig {
        trigger: Some(GpiTrigger {
            port: 1,
            high: true,
            timeout: Some(Duration::from_secs(30)),
        }),
        ..quick()
    };
    let host = Host::start(Via::Tcp(at.parse().unwrap()), client);
    let boxes = || {
        host.told(|told| {
            let mut boxes: Vec<Vec<u8>> = told
                .reads
                .iter()
                .map(|it| it.epc.as_ref().to_vec())
                .collect();
            boxes.dedup();
            boxes
        })
    };
    // One after the other, each with a tag of its own.
    wait_until("two boxes", PATIENCE, || boxes().len() == 2)
        .await
        .unwrap();
    let [first, second] = boxes().try_into().unwrap();
    assert_ne!(first, second);
    assert!(host.told(|told| told.reads.iter().any(|it| it.antenna == Some(1))));
}
