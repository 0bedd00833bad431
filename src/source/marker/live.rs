//! A marker over a connection: what it says, and where it has to be asked, its state.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracegate_feed::frame::{Framer, Piece};
use tracegate_feed::text::decode;

use super::teller::Teller;
use super::{Live, Stopped, link};
use crate::core::Feedback;
use crate::downlink::order::Action;
use crate::health::DeviceCounter;
use crate::source::transport::{Opener, Port};
use crate::source::{Context, Retry, STEADY, WAKE};

/// A marker that does not take a question or an answer is not waited for.
const WRITE_DEADLINE: Duration = Duration::from_secs(1);
enum End {
    Gone(String),
    Newer(Port),
}

pub(super) async fn run(
    live: &Live,
    context: &Context,
    mut teller: Teller,
    mut feedback: mpsc::Receiver<Feedback>,
) {
    let mut opener = Opener::new(live.transport.clone());
    let (mut retry, mut newer) = (Retry::default(), None);
    loop {
        let (started, mut heard) = (Instant::now(), false);
        let port = match newer.take() {
            Some(port) => Ok(port),
            None => match open(&mut opener, context, &mut teller).await {
                Ok(port) => port,
                Err(Stopped) => return,
            },
        };
        let (reason, reached) = match port {
            Err(reason) => (reason, false),
            Ok(port) => match serve(
                live,
                context,
                &mut teller,
                &mut feedback,
                &opener,
                port,
                &mut heard,
            )
            .await
            {
                Err(Stopped) => return,
                Ok(End::Newer(port)) => {
                    teller.remark("A newer connection takes the place of the one before");
                    newer = Some(port);
                    continue;
                }
                Ok(End::Gone(reason)) => (reason, true),
            },
        };
        let good = !reached || heard || started.elapsed() >= STEADY;
        if !retry.wait(context, &reason, good).await {
            return;
        }
    }
}

/// Opens the connection, or says why not. Marks under way may end meanwhile.
async fn open(
    opener: &mut Opener,
    context: &Context,
    teller: &mut Teller,
) -> Result<Result<Port, String>, Stopped> {
    let open = context.open(opener, "marker", None);
    tokio::pin!(open);
    loop {
        tokio::select! {
            port = &mut open => return port.transpose().ok_or(Stopped),
            () = sleep(WAKE) => {
                teller.tick();
                let reports = teller.reports(true, false);
                teller.send(reports).await?;
            }
        }
    }
}

async fn serve(
    live: &Live,
    context: &Context,
    teller: &mut Teller,
    feedback: &mut mpsc::Receiver<Feedback>,
    opener: &Opener,
    port: Port,
    heard: &mut bool,
) -> Result<End, Stopped> {
    // Answers to marks of the connection before mean nothing any more.
    while feedback.try_recv().is_ok() {}
    context.health.reconnected(&context.name);
    context.up();
    link(context, true).await?;
    let end = talk(live, context, teller, feedback, opener, port, heard).await;
    teller.lost();
    let reports = teller.reports(true, false);
    teller.send(reports).await?;
    link(context, false).await?;
    end
}

async fn talk(
    live: &Live,
    context: &Context,
    teller: &mut Teller,
    feedback: &mut mpsc::Receiver<Feedback>,
    opener: &Opener,
    port: Port,
    heard: &mut bool,
) -> Result<End, Stopped> {
    let Port {
        mut incoming,
        mut outgoing,
    } = port;
    let answers = !live.on_accept.is_empty() || !live.on_refuse.is_empty();
    let started = Instant::now();
    let now_us = || u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (mut framer, mut pieces) = (Framer::new(live.framing.clone()), Vec::new());
    let (mut bytes, mut ask_at) = (vec![0; 16 * 1024], started);
    let end = loop {
        context.beat.touch();
        let unfinished = framer
            .deadline_us()
            .map(|us| started + Duration::from_micros(us));
        let ends = teller.marks.deadline_us().map(|us| {
            let us = i64::try_from(us).unwrap_or(i64::MAX);
            Instant::from_std(context.clock.instant(tracegate_pipeline::Time(us)))
        });
        let wake = [unfinished, ends]
            .into_iter()
            .flatten()
            .fold(Instant::now() + WAKE, Instant::min);
        let write = tokio::select! {
            got = incoming.read(&mut bytes) => {
                match got {
                    Ok(0) => break End::Gone(live.transport.ended("marker")),
                    Ok(count) => {
                        *heard = true;
                        framer.push(bytes.get(..count).unwrap_or_default(), now_us(), &mut pieces);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break End::Gone(format!("the marker is gone: {error}")),
                }
                if incoming.is_datagrams() {
                    framer.finish(&mut pieces);
                }
                None
            }
            () = sleep_until(ask_at), if live.poll.is_some() => {
                let poll = live.poll.as_ref();
                ask_at = Instant::now() + poll.map_or(WAKE, |poll| poll.1);
                poll.map(|poll| &poll.0)
            }
            Some(answer) = feedback.recv() => match answer {
                Feedback::Refuse => Some(&live.on_refuse),
                Feedback::Movement => None,
                _ => Some(&live.on_accept),
            },
            order = context.orders.next() => {
                let answer = match order.action {
                    Action::Identify(_) => "a marker cannot show which one it is",
                    Action::Output { .. } => "a marker has no outputs",
                };
                // Nobody may wait any more.
                let _ = order.done.send(Err(answer.to_owned()));
                None
            }
            newer = opener.newer() => {
                incoming.drain(|bytes| framer.push(bytes, now_us(), &mut pieces)).await;
                break newer.map_or_else(End::Gone, End::Newer);
            }
            () = sleep_until(wake) => {
                framer.tick(now_us(), &mut pieces);
                None
            }
            () = context.stop.cancelled() => return Err(Stopped),
        };
        if let Some(bytes) = write.filter(|bytes| !bytes.is_empty()) {
            match timeout(WRITE_DEADLINE, outgoing.write_all(bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    break End::Gone(format!("the marker takes nothing: {error}"));
                }
                Err(_) => teller.remark("The marker did not take what was sent to it in time"),
            }
        }
        for piece in pieces.drain(..) {
            hear(live, context, teller, piece);
        }
        teller.tick();
        let reports = teller.reports(true, answers);
        teller.send(reports).await?;
    };
    framer.reset(&mut pieces);
    for piece in pieces.drain(..) {
        hear(live, context, teller, piece);
    }
    Ok(end)
}

fn hear(live: &Live, context: &Context, teller: &mut Teller, piece: Piece) {
    let frame = match piece {
        Piece::Frame(frame) if frame.is_empty() => return,
        Piece::Frame(frame) => frame,
        Piece::Junk { len, why } => {
            context.health.counters().scans_malformed.add(1);
            teller.count(DeviceCounter::FramesMalformed, 1);
            teller.remark(&format!("{len} bytes thrown away: {}", why.advice()));
            return;
        }
    };
    let said = decode(live.encoding, &frame).ok();
    match said.and_then(|text| live.rules.classify(&text)) {
        Some(said) => teller.step(None, said),
        None => teller.unknown(&frame),
    }
}
