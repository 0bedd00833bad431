//! The table of codes of log lines that are no condition's. What is a condition, too, has the condition's code.

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Name of its constant in this module.
    pub name: &'static str,
    /// As written.
    pub code: &'static str,
    /// `"error"`, `"warn"` or `"info"`.
    pub level: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

macro_rules! codes {
    ($($name:ident $word:literal $level:literal: #[doc = $meaning:literal] $remedy:literal;)*) => {
        $(#[doc = $meaning] pub const $name: &str = $word;)*

        /// All of them.
        pub const TABLE: &[Entry] = &[$(Entry {
            name: stringify!($name),
            code: $word,
            level: $level,
            meaning: $meaning.trim_ascii(),
            remedy: $remedy,
        },)*];
    };
}

codes! {
    // Devices.
    DEVICE_CONNECTED "DEVICE-CONNECTED" "info":
        /// A device is connected.
        "nothing";
    READER_READING "READER-READING" "info":
        /// A reader is set up and reads.
        "nothing";
    READER_DIALLED_IN "READER-DIALLED-IN" "info":
        /// A reader has connected to the gateway.
        "nothing";
    READER_RESTRICTED "READER-RESTRICTED" "warn":
        /// The reader cannot do all that is configured, and reads with the rest.
        "the reason names the setting: take what the model offers, or update its firmware";
    REMARKS_LEFT_OUT "REMARKS-LEFT-OUT" "warn":
        /// A reader told so much about itself that some of it was not logged.
        "look at the lines before, and at the reader's own page";
    CALLER_UNKNOWN "CALLER-UNKNOWN" "warn":
        /// Something connected to a port for readers from an address that no section names.
        "if it is a reader of yours, put its address in its section's from; else find out who it is";
    PORT_ACCEPTS_NOT "PORT-ACCEPTS-NOT" "warn":
        /// A connection to a port for readers could not be taken; it is tried again.
        "if it goes on, look at the number of open files and at free memory of this machine";
    PORT_CONTESTED "PORT-CONTESTED" "warn":
        /// A second connection took the place of a scanner's first one.
        "see whether two devices are set to this port; one that reconnects by itself is no harm";
    SCANNER_NOT_ENABLED "SCANNER-NOT-ENABLED" "warn":
        /// A scanner did not take the command that makes it send.
        "plug it in anew; set it to HID POS by the bar code in its manual";
    BYTES_THROWN_AWAY "BYTES-THROWN-AWAY" "warn":
        /// A device sent bytes that are no frame.
        "as the line says; mostly the frame's start or end, or speed and parity of the line";
    FOREIGN_INPUT "FOREIGN-INPUT" "warn":
        /// What came from a scanner was no scan: keys typed by hand, or a report of another kind.
        "see that device names the scanner and not a keyboard";
    ANSWER_NOT_TAKEN "ANSWER-NOT-TAKEN" "warn":
        /// A scanner did not take the answer to a scan, or not in time.
        "check its cable, and that its settings let the host answer";
    COMMAND_OF_SCANNER_REFUSED "SCANNER-REFUSES-COMMAND" "warn":
        /// A scanner refuses a command of its protocol.
        "set the scanner to its protocol's defaults; check its firmware";
    MARKER_REMARK "MARKER-REMARK" "warn":
        /// Something in what a marker tells could not be used.
        "as the line says";
    BEACON_NOT_USED "BEACON-NOT-USED" "warn":
        /// A receiver sent something that names no tag, or is damaged.
        "compare the text with the receiver's section: fields, epc and tags";
    VERDICT_NOT_SHOWN "VERDICT-NOT-SHOWN" "warn":
        /// A light could not show a verdict in time.
        "check the light and its network; the verdict itself is booked";

    // What passes.
    SCAN_WARNED "SCAN-WARNED" "warn":
        /// A scan was taken, and a guard warned of it.
        "as the text says: it is for whoever stands at the station";
    SCAN_REFUSED "SCAN-REFUSED" "warn":
        /// A scan was refused.
        "as the reason says: it is for whoever stands at the station";
    GUARD_ALERT "GUARD-ALERT" "warn":
        /// Something moves towards the way out that may not leave.
        "stop the load; the reason says what is wrong with it";
    CLOCK_SET "CLOCK-SET" "warn":
        /// This gateway's clock was set; times of events follow it.
        "if it happens again, look at the time server with timedatectl";
    INPUTS_LOST_AT_STOP "INPUTS-NOT-STORED" "error":
        /// The gateway stopped while nothing could be stored; what waited is lost.
        "mend the disk first; then compare the goods of the last minutes with the store";
    READS_NOT_COMMITTED "READS-NOT-COMMITTED" "warn":
        /// At a stop the newest reads were not committed; they are kept beside the buffer and used at the next start.
        "look at the disk, and start the gateway again";
    JOURNAL_UNREADABLE "JOURNAL-UNREADABLE" "error":
        /// Parts of the journal could not be read at the start.
        "compare the loads that were passing at the last stop with the store; check the disk";
    STORING_DELAYED "STORING-DELAYED" "warn":
        /// Something in the buffer was not written; it is tried again, and nothing is lost.
        "if it goes on, look at the kernel's log (dmesg) and the disk";
    TELEMETRY_DROPPED "TELEMETRY-DROPPED" "warn":
        /// Messages about loads that were not booked were dropped for want of room.
        "make the broker take events again, or raise [buffer] telemetry_share";
    ANTENNA_HISTORY "ANTENNA-HISTORY" "warn":
        /// What antennas used to read is not known, or cannot be kept.
        "look at rights and room of the buffer's folder; it is learned anew within days";

    // Broker, store and commands.
    BROKER_CONNECTED "BROKER-CONNECTED" "info":
        /// The broker is connected.
        "nothing";
    GOODBYE_NOT_TAKEN "GOODBYE-NOT-TAKEN" "warn":
        /// At a stop the broker did not take the goodbye; it tells others that the gateway is gone.
        "nothing, if the broker was away";
    MESSAGE_TOO_LARGE "MESSAGE-TOO-LARGE" "warn":
        /// A message beside the events is larger than the broker takes, and was not sent.
        "raise the broker's limit for packets";
    KEPT_EVENT_SKIPPED "KEPT-EVENT-SKIPPED" "warn":
        /// A kept event cannot be sent again: it is damaged, or too large for the broker.
        "compare the store with the sequence number in the line";
    TOPICS_NOT_NOTED "TOPICS-NOT-NOTED" "warn":
        /// Which devices have a topic cannot be noted; topics of removed devices may stay at the broker.
        "look at rights and room of the buffer's folder";
    COMMAND_REFUSED "COMMAND-REFUSED" "warn":
        /// A command from the broker was refused.
        "as the reason says; [command] tells what may be asked";
    COMMAND_LOST "COMMAND-LOST" "warn":
        /// The task that carries out commands gave no answer.
        "give the command again; report it if it happens twice";
    SUBSCRIPTION_REFUSED "SUBSCRIPTION-REFUSED" "warn":
        /// The broker does not let the gateway subscribe to a topic.
        "let the gateway's user subscribe to the topic that the reason names";
    SPARKPLUG_DOWN "SPARKPLUG-DOWN" "warn":
        /// The connection for Sparkplug is not there; events are not concerned.
        "as the reason says; the broker must let the client id of Sparkplug in, too";

    // The program and its machine.
    CONTROL_ABSENT "CONTROL-ABSENT" "error":
        /// There is no control socket: tracegate status, why, capture and survey do not work.
        "look at the folder in the line: is it there, may the gateway's user write to it";
    CONTROL_TROUBLE "CONTROL-TROUBLE" "warn":
        /// The control socket takes no command for now, or cut one off that took nothing.
        "give the command again";
    PAGE_ABSENT "PAGE-ABSENT" "warn":
        /// There is no status page and no metrics.
        "choose another [status] listen, or stop the program that uses the port";
    PAGE_CERTIFICATE "PAGE-CERTIFICATE" "warn":
        /// The status page's certificate cannot be used, and without one it answers nobody.
        "install certificate and key of one pair, readable for the gateway's user; they are taken into use by themselves";
    PAGE_TROUBLE "PAGE-TROUBLE" "warn":
        /// The status page takes no connection for now; it is tried again.
        "if it goes on, look at the number of open files and at free memory of this machine";
    SYSTEMD_NOT_TOLD "SYSTEMD-NOT-TOLD" "warn":
        /// systemd could not be told how things are.
        "see that the service is started by the packaged unit";
    PART_FAILED "PART-FAILED" "error":
        /// A part of the program ended by a fault of its own.
        "report it with the log; systemd starts the gateway anew";
    LAST_GOOD_NOT_KEPT "LAST-GOOD-NOT-KEPT" "warn":
        /// The last good copy of the configuration could not be written.
        "let the gateway's user write to the folder of the buffer; until then a start with a bad file fails";
    STOP_HURRIED "STOP-HURRIED" "warn":
        /// At a stop something did not let go in time and was cut off; what is stored stays stored.
        "nothing; if a device is named often, look at it";
    LIBRARY "LIBRARY" "warn":
        /// A library that the gateway uses says something.
        "keep the line for support";
}
