//! A simulated I/O module: coils that are switched over Modbus/TCP, with the faults that such modules have.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Task;

/// What goes wrong with the answers from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModuleFault {
    /// Nothing.
    #[default]
    None,
    /// It takes everything and answers nothing.
    BlackHole,
    /// It answers with bytes that are no Modbus.
    Garbage,
    /// It sends half an answer and ends the connection.
    HalfFrame,
    /// It answers one byte at a time.
    Drip,
    /// It answers with the number of another request.
    WrongNumber,
    /// It does not know function 15.
    NoWriteMany,
    /// It has no coil with this number.
    NoCoil(u16),
    /// It ends every connection at once.
    Unplugged,
}

/// One change of a coil, as it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoilWrite {
    /// Coil, counted from 0.
    pub coil: u16,
    /// Its new state.
    pub on: bool,
    /// When.
    pub at: Instant,
}

/// A running module; dropping it closes its port.
#[derive(Debug)]
pub struct SimModule {
    address: SocketAddr,
    state: Arc<State>,
    _task: Task,
}

#[derive(Debug)]
struct State {
    inner: Mutex<(Vec<bool>, Vec<CoilWrite>)>,
    fault: watch::Sender<ModuleFault>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, (Vec<bool>, Vec<CoilWrite>)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimModule {
    /// A module with so many coils, on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(coils: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            inner: Mutex::new((vec![true; usize::from(coils)], Vec::new())),
            fault: watch::Sender::default(),
        });
        let _task = Task::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            _task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what goes wrong; [`ModuleFault::Unplugged`] ends the connection under way, too.
    pub fn fault(&self, fault: ModuleFault) {
        self.state.fault.send_replace(fault);
    }

    /// The coils that are on. All are when it starts: what nobody has switched is not known.
    pub fn lit(&self) -> Vec<u16> {
        let (coils, _) = &*self.state.lock();
        (0..)
            .zip(coils)
            .filter(|(_, on)| **on)
            .map(|(at, _)| at)
            .collect()
    }

    /// Every write of a coil so far.
    pub fn writes(&self) -> Vec<CoilWrite> {
        self.state.lock().1.clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // One client at a time, as with small modules.
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut fault = state.fault.subscribe();
        if *fault.borrow_and_update() == ModuleFault::Unplugged {
            continue;
        }
        tokio::select! {
            _ = serve(&mut stream, &state) => {}
            _ = fault.wait_for(|fault| *fault == ModuleFault::Unplugged) => {}
        }
    }
}

async fn serve(stream: &mut TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let mut header = [0; 7];
        stream.read_exact(&mut header).await?;
        let [number_high, number_low, _, _, high, low, unit] = header;
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([high, low])).saturating_sub(1)];
        stream.read_exact(&mut pdu).await?;
        let fault = *state.fault.borrow();
        if fault == ModuleFault::BlackHole {
            continue;
        }
        let answer = answer(&pdu, state, fault);
        let number_low = match fault {
            ModuleFault::WrongNumber => number_low.wrapping_add(1),
            _ => number_low,
        };
        let len = u8::try_from(answer.len() + 1).unwrap_or(u8::MAX);
        let mut frame = vec![number_high, number_low, 0, 0, 0, len, unit];
        frame.extend(answer);
        match fault {
            ModuleFault::Garbage => stream.write_all(b"\x1b[31mlogin: ").await?,
            ModuleFault::HalfFrame => {
                stream.write_all(frame.get(..5).unwrap_or_default()).await?;
                return Ok(());
            }
            ModuleFault::Drip => {
                for byte in frame {
                    stream.write_all(&[byte]).await?;
                    tokio::task::yield_now().await;
                }
            }
            _ => stream.write_all(&frame).await?,
        }
    }
}

/// The answer's function and data (Modbus Application Protocol V1.1b3, 6.1, 6.5, 6.11).
fn answer(pdu: &[u8], state: &State, fault: ModuleFault) -> Vec<u8> {
    let [function, high, low, rest @ ..] = pdu else {
        return vec![0x80, 3];
    };
    let first = u16::from_be_bytes([*high, *low]);
    let mut inner = state.lock();
    let (coils, writes) = &mut *inner;
    let known = coils.len();
    let mut write = |coil: u16, on: bool| match coils.get_mut(usize::from(coil)) {
        Some(state) if fault != ModuleFault::NoCoil(coil) => {
            *state = on;
            let at = Instant::now();
            writes.push(CoilWrite { coil, on, at });
            true
        }
        _ => false,
    };
    match (function, rest) {
        (1, _) => vec![1, 1, u8::from(coils.get(usize::from(first)) == Some(&true))],
        (5, [level, _]) => match write(first, *level == 0xff) {
            true => pdu.to_vec(),
            false => vec![0x85, 2],
        },
        (15, [_, count, _, bits @ ..]) if fault != ModuleFault::NoWriteMany => {
            let last = usize::from(first) + usize::from(*count);
            // All of them, or none.
            let is_there = last <= known
                && !matches!(fault, ModuleFault::NoCoil(coil) if (usize::from(first)..last).contains(&usize::from(coil)));
            let good = is_there
                && (first..first.saturating_add(u16::from(*count)))
                    .zip(0..)
                    .all(|(coil, at): (u16, usize)| {
                        let bits = bits.get(at / 8).copied().unwrap_or(0);
                        write(coil, bits >> (at % 8) & 1 == 1)
                    });
            match good {
                true => pdu.get(..5).unwrap_or_default().to_vec(),
                false => vec![0x8f, 2],
            }
        }
        (function, _) => vec![function | 0x80, 1],
    }
}
