//! What is on its way to the client: cut into pieces as told, with the truth about whole reports.

use std::collections::VecDeque;

use bytes::BytesMut;
use fastrand::Rng;
use tracegate_llrp::{
    codec::{Frame, Message, message, param},
    frame::RawFrame,
    report::ReaderTime,
};

use super::fault::{End, Segmentation};

/// A tag report as the reader sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SentReport {
    /// Content of the EPC memory.
    pub epc: Vec<u8>,
    /// Antenna, if it was reported.
    pub antenna: Option<u16>,
    /// First sighting by the reader's clock, if it was reported.
    pub first_seen: Option<ReaderTime>,
    /// Sightings in it; one unless reported.
    pub count: u16,
}

/// What became of a reader's tag reports, in the order they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SentLog {
    /// In messages of which every byte was written.
    pub whole: Vec<SentReport>,
    /// In messages that a cut left unfinished: no client can have them.
    pub cut: Vec<SentReport>,
}

/// Bytes for one connection.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: BytesMut,
    /// Written before `bytes`.
    written: u64,
    /// Ends of messages, and the reports in them.
    messages: VecDeque<(u64, Vec<SentReport>)>,
    /// Where the connection is to end.
    cut: Option<(u64, End)>,
    /// Of the next piece, once drawn.
    size: Option<usize>,
}

impl Outgoing {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whole messages under way.
    pub(super) fn messages(&self) -> usize {
        self.messages.len()
    }

    /// Adds a message; `cut` ends the connection within it if it is a report.
    pub(super) fn push(&mut self, message: &[u8], cut: &mut Option<(End, usize)>, log: bool) {
        let start = self.written + self.bytes.len() as u64;
        self.bytes.extend_from_slice(message);
        let Ok(raw) = RawFrame::parse(message) else {
            return;
        };
        let is_report = raw.header.message_type == message::ROAccessReport::TYPE;
        let reports = if is_report && log {
            reports(raw)
        } else {
            Vec::new()
        };
        self.messages
            .push_back((start + message.len() as u64, reports));
        if is_report && let Some((end, bytes)) = cut.take() {
            let within = bytes.clamp(1, message.len().saturating_sub(1).max(1));
            self.cut = Some((start + within as u64, end));
        }
    }

    /// What to write next; the same until it is written.
    pub(super) fn piece(
        &mut self,
        segmentation: &Segmentation,
        rng: &mut Rng,
        most: usize,
    ) -> &[u8] {
        let size = *self.size.get_or_insert_with(|| match segmentation {
            Segmentation::Whole | Segmentation::Joined(_) => usize::MAX,
            Segmentation::Bytes(bytes) => *bytes,
            Segmentation::Random { most, .. } => rng.usize(1..=*most),
        });
        let before_cut = self.cut.map_or(u64::MAX, |(at, _)| at - self.written);
        let before_cut = usize::try_from(before_cut).unwrap_or(usize::MAX);
        let size = size.min(before_cut).min(most).min(self.bytes.len());
        self.bytes.get(..size).unwrap_or_default()
    }

    /// So many bytes were written.
    pub(super) fn wrote(&mut self, count: usize) {
        drop(self.bytes.split_to(count));
        self.written += count as u64;
        self.size = None;
    }

    /// What was written has left this process; how the connection is to end, if it is now.
    pub(super) fn flushed(&mut self, log: &mut SentLog) -> Option<End> {
        let written = self.written;
        while self
            .messages
            .front()
            .is_some_and(|(end, _)| *end <= written)
        {
            let (_, reports) = self.messages.pop_front().unwrap_or_default();
            log.whole.extend(reports);
        }
        let due = self.cut.filter(|(at, _)| *at <= written);
        due.map(|(_, end)| end)
    }

    /// The connection has ended: what is left was cut. `written_arrives` says that what was written is on its way
    /// already, and not kept back by TLS.
    pub(super) fn end(mut self, written_arrives: bool, log: &mut SentLog) {
        if written_arrives {
            self.flushed(log);
        }
        log.cut
            .extend(self.messages.into_iter().flat_map(|(_, reports)| reports));
    }
}

/// The tag reports of a message, read by the general decoder: clients use the fast one.
fn reports(raw: RawFrame<'_>) -> Vec<SentReport> {
    let Ok(Frame {
        message: Message::ROAccessReport(report),
        ..
    }) = Frame::decode_lenient(raw)
    else {
        return Vec::new();
    };
    let tags = report.params.all::<param::TagReportData>();
    tags.map(|tag| {
        let params = &tag.params;
        let epc = match (
            params.first::<param::EPC96>(),
            params.first::<param::EPCData>(),
        ) {
            (Some(short), _) => short.epc.to_vec(),
            (None, Some(data)) => data.epc.bytes().to_vec(),
            (None, None) => Vec::new(),
        };
        let utc = params.first::<param::FirstSeenTimestampUTC>();
        let uptime = params.first::<param::FirstSeenTimestampUptime>();
        SentReport {
            epc,
            antenna: params.first::<param::AntennaID>().map(|p| p.antenna_id),
            first_seen: utc
                .map(|p| ReaderTime::Utc(p.microseconds))
                .or(uptime.map(|p| ReaderTime::Uptime(p.microseconds))),
            count: params
                .first::<param::TagSeenCount>()
                .map_or(1, |p| p.tag_count),
        }
    })
    .collect()
}
