//! Everything that is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter since start.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets the value, for figures that somebody else counts.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident),* $(,)?) => {
        /// Everything that is counted; the names are those of the status message.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[doc = $doc])+ pub $name: Counter,)* }

        impl Counters {
            /// Names, and what they count.
            pub const HELP: &'static [(&'static str, &'static str)] =
                &[$((stringify!($name), concat!($($doc),+).trim_ascii())),*];
            /// Those that go down as well: what there is at this moment.
            pub const LEVELS: &'static [&'static str] = &[
                "ahead", "dead_letters", "in_flight", "kept", "reads_buffered", "references", "tags",
                "status_viewers", "telemetry_waiting", "unconfirmed", "waiting",
            ];

            /// Names and values in a fixed order.
            #[must_use]
            pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::from([$((stringify!($name), self.$name.get()),)*])
            }
        }
    };
}

counters! {
    /// Tag reads taken in.
    reads,
    /// Reads merged with another of the same tag on the same antenna because the queue was full.
    reads_conflated,
    /// Reads dropped because even the merged queue was full.
    reads_dropped,
    /// Tag reports of readers that could not be read.
    reads_malformed,
    /// Values of sensor tags that could not be read, or do not fit `[tag_sensor]`.
    sensor_reads_failed,
    /// Reads weaker than `min_rssi`.
    reads_weak,
    /// Reads of ignored tags.
    reads_ignored,
    /// Reads that are not whole.
    reads_cut_off,
    /// Reads of ISO tags that nothing allows.
    reads_iso,
    /// Reads of empty memory.
    reads_blank,
    /// Reads of tags that are no EPC, where only those count.
    reads_unknown,
    /// Reads on antennas of no read point.
    reads_unassigned,
    /// Reads that came after their time was decided.
    reads_late,
    /// Tags or reads hurried on because a table was full.
    capped,
    /// Scanner frames taken in.
    scans,
    /// Scanner frames longer than allowed, and bytes that belong to none.
    scans_malformed,
    /// Frames of receivers that have no known form.
    frames_unknown,
    /// Beacons with a field that cannot be, and damaged messages.
    beacons_malformed,
    /// Beacons of tags that are on nothing that was named.
    beacons_nameless,
    /// Beacons that were heard where their tag is not.
    beacons_elsewhere,
    /// Alarms of active tags.
    alarms,
    /// Scanner frames that no rule knows.
    scans_unknown,
    /// What came from HID scanners and keyboards and was no scan at all.
    scans_foreign,
    /// Times that a scanner read nothing and said so.
    no_reads,
    /// Answers to scanners later than 300 ms after the scan.
    answers_late,
    /// Answers to scanners that came too late to mean anything, or were not taken.
    answers_dropped,
    /// Scans refused.
    scans_refused,
    /// Scans repeated within the duplicate window.
    scans_repeated,
    /// Marks of laser markers that ended, well or not.
    marks,
    /// Marks that were told again and not booked again.
    marks_repeated,
    /// Movement events stored.
    events,
    /// Events of them made of reads that came late, and supplements to a passage that was told.
    events_late,
    /// Events of them that lack what a compliance profile asks for.
    events_incomplete,
    /// Loads not booked.
    non_events,
    /// Passages seen by photo-eyes without any tag.
    untagged_passages,
    /// Scans and loads that a guard refused.
    guard_refused,
    /// Scans and loads that a guard warned of.
    guard_warned,
    /// Alerts: things that may not leave and moved towards the way out.
    guard_alerts,
    /// Changes of photo-eyes that came after their time was decided.
    eyes_late,
    /// Telemetry waiting in the outbox.
    telemetry_waiting,
    /// Telemetry dropped to make room.
    telemetry_dropped,
    /// Telemetry that the broker did not want, or that nobody subscribes to; it is not sent again.
    telemetry_refused,
    /// Events the broker acknowledged.
    forwarded,
    /// Events sent again, because the connection ended, or the broker or the store did not take them.
    resent,
    /// Messages on their way without acknowledgement.
    in_flight,
    /// Events that the broker acknowledged and that stay stored, because one before them is not done.
    ahead,
    /// Times the broker did not take a message.
    refused,
    /// Events sent that the store has not confirmed.
    unconfirmed,
    /// Acknowledgements of the store that were not taken.
    acks_refused,
    /// Commands looked at.
    commands,
    /// Commands not done.
    commands_refused,
    /// Commands and answers dropped because there were too many.
    commands_dropped,
    /// Events sent again on command, and taken by the broker.
    replayed,
    /// Events waiting in the outbox.
    waiting,
    /// Events kept in the buffer although they are acknowledged.
    kept,
    /// Events set aside in the buffer because they cannot be sent.
    dead_letters,
    /// Commits that failed and were tried again.
    commit_failures,
    /// Connections of unknown devices to a port that readers dial in to.
    connections_refused,
    /// Device connections lost or not made.
    device_disconnects,
    /// Times that a reader's own report buffer overflowed.
    reader_overflows,
    /// Times that a reader's clock was set back.
    clock_steps,
    /// Broker connections lost or not made, for any reason.
    broker_disconnects,
    /// Of these: the broker was not there.
    broker_unreachable,
    /// Of these: the broker refused the connection.
    broker_refusals,
    /// Of these: the broker ended the connection and said why.
    broker_goodbyes,
    /// Of these: the connection was cut.
    broker_losses,
    /// Of these: the broker acknowledged nothing any more.
    broker_silences,
    /// Of these: the broker acknowledged later messages, but one not.
    broker_acks_missing,
    /// Of these: for a reason at our side, such as a file that cannot be read.
    broker_own_faults,
    /// Times that renewed certificates or a renewed password were taken into use.
    renewals,
    /// Times that changed certificates or a changed password could not be used.
    renewals_failed,
    /// Inputs that were stored, and that captures and `tracegate why` could not keep up with.
    inputs_unwitnessed,
    /// Inputs that a capture lacks because whoever takes it was too slow.
    capture_gaps,
    /// Reads and decisions that `tracegate tail` lacks because it was too slow.
    tail_gaps,
    /// Commands that were sent away from the control socket because too many were connected.
    control_refused,
    /// Commands that were cut off from the control socket because they took nothing any more.
    control_dropped,
    /// Connections to the status page that were sent away: too many, a wrong name, or no password.
    status_refused,
    /// Pages that are open and renewed live.
    status_viewers,
    /// Facts about things that could not be looked up, or not be kept, in time.
    reference_failures,
    /// Facts forgotten because a table was full.
    references_capped,
    /// Facts held about things that are around.
    references,
    /// Messages of the site about lots and orders that were taken.
    reference_messages,
    /// Messages of the site that were refused.
    reference_refused,
    /// Messages handed to the broker for Sparkplug.
    sparkplug_messages,
    /// Connections for Sparkplug lost or not made.
    sparkplug_disconnects,
    /// Tags followed.
    tags,
    /// Reads waiting for their turn.
    reads_buffered,
}

macro_rules! device_counters {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal),* $(,)?) => {
        /// What is counted for each reader by itself; the words are those of the status message.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DeviceCounter { $($(#[doc = $doc])+ $name,)* }

        impl DeviceCounter {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word in the status message.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it counts.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

device_counters! {
    /// Connections that were set up.
    Connections = "connections",
    /// Connections lost or not made.
    Disconnects = "disconnects",
    /// Times that it had forgotten what it was told.
    Reboots = "reboots",
    /// Faults that it reported.
    Exceptions = "exceptions",
    /// Antennas that it found disconnected.
    AntennaDisconnects = "antenna_disconnects",
    /// Warnings that its report buffer fills up.
    BufferWarnings = "buffer_warnings",
    /// Overflows of its report buffer.
    BufferOverflows = "buffer_overflows",
    /// Times that its clock was set back.
    ClockSteps = "clock_steps",
    /// Changes of its inputs.
    InputChanges = "input_changes",
    /// Changes of its inputs left out, because the gateway could not keep up and newer ones followed.
    InputsMerged = "inputs_merged",
    /// Outputs that it did not switch.
    OutputFailures = "output_failures",
    /// Reads merged because the gateway could not keep up.
    ReadsConflated = "reads_conflated",
    /// Reads dropped because even the merged ones were too many.
    ReadsDropped = "reads_dropped",
    /// Tag reports that could not be read.
    ReadsMalformed = "reads_malformed",
    /// Times that it read nothing and said so.
    NoReads = "no_reads",
    /// Signs of life.
    Heartbeats = "heartbeats",
    /// Times that it gave no sign of life although it should.
    Silences = "silences",
    /// Frames about itself.
    StatusMessages = "status_messages",
    /// Frames that no rule knows.
    FramesUnknown = "frames_unknown",
    /// Frames that are too long or not whole, and bytes that belong to none.
    FramesMalformed = "frames_malformed",
    /// What came from it and was no scan at all: typed by hand, reports of another kind.
    FramesForeign = "frames_foreign",
    /// Frames that it sent again because it had not heard the answer.
    FramesRepeated = "frames_repeated",
    /// Ends of marks that nobody heard begin and that name nothing.
    MarksUnmatched = "marks_unmatched",
    /// Times that its log was cut or replaced, or a file of it could not be used.
    LogIncidents = "log_incidents",
    /// Answers later than 300 ms after the scan.
    AnswersLate = "answers_late",
    /// Answers that came too late to mean anything, or that it did not take.
    AnswersDropped = "answers_dropped",
    /// Messages that could not be read.
    MessagesMalformed = "messages_malformed",
}
