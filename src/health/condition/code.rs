//! The table of all conditions: what each code means, how bad it is, whose matter it is, and what to do.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is not stored, not delivered or not read.
    Error,
    /// All of that works; it will not for ever, or somebody should look.
    Warning,
}

impl Severity {
    /// As in the status message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What does not work while a condition holds, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stops {
    /// Nothing can be stored: sources wait.
    Storing,
    /// Events wait in the buffer.
    Delivery,
    /// A device is not read.
    Reading,
    /// Nothing yet.
    Nothing,
}

/// Whose matter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The broker, or the way to it.
    Broker,
    /// The store behind the broker.
    Store,
    /// The disk of the gateway.
    Disk,
    /// A device, its cable or its network.
    Device,
    /// Settings, rights, certificates or the clock of this machine.
    Setup,
    /// The program itself.
    Program,
}

impl Fault {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Broker => "the broker, or the network to it",
            Self::Store => "the store behind the broker",
            Self::Disk => "this gateway's disk",
            Self::Device => "the device, its cable or its network",
            Self::Setup => "settings, rights, certificates or the clock of this gateway",
            Self::Program => "this program",
        }
    }
}

macro_rules! codes {
    ($($name:ident $word:literal $severity:ident $stops:ident $fault:ident, after $delay:literal s,
       follows [$($root:ident),*]: #[doc = $meaning:literal] $remedy:literal;)*) => {
        /// A condition's code: stable, for alarms, manuals and whoever searches for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $meaning] $name,)* }

        impl Code {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning.trim_ascii(),)* }
            }

            /// What to do.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What does not work.
            #[must_use]
            pub const fn stops(self) -> Stops {
                match self { $(Self::$name => Stops::$stops,)* }
            }

            /// Whose matter it is.
            #[must_use]
            pub const fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)* }
            }

            /// It is shown when it has held for so long.
            #[must_use]
            pub const fn delay(self) -> Duration {
                match self { $(Self::$name => Duration::from_secs($delay),)* }
            }

            /// While one of these holds it is not shown: it follows from it.
            #[must_use]
            pub const fn roots(self) -> &'static [Self] {
                match self { $(Self::$name => &[$(Self::$root),*],)* }
            }
        }
    };
}

codes! {
    StorageFailed "STORAGE-FAILED" Error Storing Disk, after 2 s, follows []:
        /// Nothing can be stored; sources wait.
        "look at the kernel's log (dmesg) and the disk; the gateway tries again all the time";
    BufferFull "BUFFER-FULL" Error Storing Disk, after 2 s, follows []:
        /// The buffer or its disk is full; sources wait, nothing is dropped.
        "make the broker take events again, or give the buffer more room: [buffer] max_size, or the disk";
    TaskStuck "TASK-STUCK" Error Delivery Program, after 0 s, follows []:
        /// A part of the program shows no sign of life; systemd is about to start it again.
        "look in the kernel's log (dmesg) for a disk that hangs; if there is none, report it with the log: it is a fault of the program";
    BrokerDenied "BROKER-DENIED" Error Delivery Broker, after 2 s, follows []:
        /// The broker refuses the gateway.
        "check user, password, client id and the broker's access rules";
    BrokerDown "BROKER-DOWN" Error Delivery Broker, after 2 s, follows []:
        /// There is no connection to the broker; events wait in the buffer.
        "see whether the broker runs; ping it from the gateway; tracegate doctor tries [mqtt] url step by step";
    BrokerRefuses "BROKER-REFUSES-EVENTS" Error Delivery Broker, after 2 s, follows [BrokerDown, BrokerDenied]:
        /// The broker is connected and does not take events.
        "the text has the broker's reason; its access rules for the event topics are the usual one";
    BrokerStalled "BROKER-STALLED" Error Delivery Broker, after 0 s, follows [BrokerDown, BrokerDenied, BrokerRefuses]:
        /// The broker answers, and the oldest event gets nowhere.
        "tracegate buffer list shows the oldest event and its topic; the broker's own log says what it does with it";
    StoreRefused "STORE-ACK-REFUSED" Error Delivery Store, after 2 s, follows [BrokerDown, BrokerDenied]:
        /// The store's acknowledgement is not taken.
        "compare epoch and sequence number that the store acknowledges with those of tracegate status; a store put back from a backup must ask for the events again";
    StoreSilent "STORE-SILENT" Error Delivery Store, after 0 s, follows [BrokerDown, BrokerDenied, BrokerRefuses, StoreSubscription]:
        /// The store confirms nothing.
        "check that the store runs and subscribes to the event topics, and look in its log";
    StoreSubscription "STORE-NOT-HEARD" Error Delivery Broker, after 2 s, follows [BrokerDown, BrokerDenied]:
        /// The broker does not let the gateway subscribe to the store's acknowledgement.
        "let the gateway's user subscribe to [mqtt] ack_topic at the broker";
    BufferDamaged "BUFFER-DAMAGED" Error Nothing Disk, after 0 s, follows []:
        /// The buffer's file was damaged and replaced; shown until the next start.
        "check the disk, keep the damaged file for support, compare the store with what the text says is missing";
    ReaderBusy "READER-BUSY" Error Reading Device, after 2 s, follows []:
        /// Another client holds the reader.
        "close the vendor's test tool or the old gateway, or restart LLRP on the reader's page";
    ReaderRefused "READER-REFUSED" Error Reading Setup, after 2 s, follows []:
        /// The reader refuses what it is told to do.
        "the text names the setting: a power or an antenna that this model does not have, or another program's ROSpec";
    DeviceUntrusted "DEVICE-UNTRUSTED" Error Reading Setup, after 2 s, follows []:
        /// The device's certificate or TLS does not fit the settings.
        "as the text says: port, ca_file, certificate_sha256 or client_certificate_file";
    DeviceDenied "DEVICE-DENIED" Error Reading Setup, after 2 s, follows []:
        /// The gateway may not open the device.
        "give the gateway's user the right that the text names, mostly the group dialout or input";
    DeviceGone "DEVICE-GONE" Error Reading Device, after 3 s, follows []:
        /// A device that is plugged in, or a file, is not there.
        "plug it in; tracegate discover shows the names of what is there";
    PortTaken "PORT-TAKEN" Error Reading Setup, after 2 s, follows []:
        /// A port that devices dial in to cannot be opened.
        "choose another port or address, or stop the program that uses it";
    DeviceAwaited "DEVICE-AWAITED" Error Reading Device, after 15 s, follows []:
        /// A device that dials in has not done so.
        "set this gateway's address and port in the device";
    ReaderUnreachable "READER-UNREACHABLE" Error Reading Device, after 3 s, follows []:
        /// The reader does not answer.
        "check its power, cable and address; ping it from the gateway";
    DeviceUnreachable "DEVICE-UNREACHABLE" Error Reading Device, after 3 s, follows []:
        /// A scanner, receiver or marker is not connected.
        "check its power, cable and address";
    ReaderSilent "READER-SILENT" Error Reading Device, after 0 s, follows []:
        /// The reader is connected and reads nothing, although its neighbours read.
        "look at its antennas and cables and at what its own page says; restart it";
    AntennaDown "ANTENNA-DOWN" Error Reading Device, after 0 s, follows []:
        /// The reader says that an antenna is disconnected.
        "check the cable between reader and antenna";
    AntennaWeak "ANTENNA-WEAK" Warning Reading Device, after 0 s, follows [AntennaDown, ReaderSilent]:
        /// An antenna reads far less, or far weaker, than it did on the days before, while its neighbours read as usual.
        "look whether it is turned, covered or wet, and at its cable; compare with tracegate survey";
    EyeIgnored "EYE-IGNORED" Warning Nothing Device, after 0 s, follows []:
        /// A photo-eye is not believed any more.
        "clean and align it, check its cable and the input it is named for";
    OutputFailed "OUTPUT-FAILED" Warning Nothing Device, after 0 s, follows []:
        /// An output was not switched.
        "check that the reader has this output, and its wiring";
    ReaderOverflow "READER-OVERFLOW" Error Reading Device, after 0 s, follows []:
        /// The reader's report buffer fills up, or overflowed: reads were lost at the reader.
        "check the network between reader and gateway, and the gateway's load";
    ReaderFault "READER-FAULT" Warning Nothing Device, after 0 s, follows []:
        /// The reader reported a fault of its own.
        "the text has the reader's words; its page says more";
    ReaderRebooted "READER-REBOOTED" Warning Nothing Device, after 0 s, follows []:
        /// The reader has started anew.
        "if nobody did that, look at its power supply";
    ReaderClock "READER-CLOCK" Warning Nothing Device, after 0 s, follows []:
        /// The reader's clock is wrong, drifts, or was set back.
        "let it follow a time server (NTP)";
    DeviceSilent "DEVICE-SILENT" Error Reading Device, after 0 s, follows []:
        /// A device gives no sign of life although it should.
        "look whether it still works and is plugged in; switch it off and on; check heartbeat and its own setting for it";
    FramesUnknown "FRAMES-UNKNOWN" Warning Nothing Setup, after 0 s, follows []:
        /// A device sends something that no rule of its profile or section knows.
        "compare the frame in the log with its section; tracegate profiles shows what a profile knows";
    LogTrouble "LOG-TROUBLE" Error Reading Setup, after 0 s, follows []:
        /// A marker's log or folder cannot be used as configured.
        "as the text says: folder, rights or the format of the log";
    ReferenceFailed "REFERENCE-FAILED" Warning Nothing Disk, after 0 s, follows [StorageFailed, BufferFull]:
        /// Nothing is known about lots and contents, or it cannot be kept.
        "look at the file that the text names; tracegate lots load makes it anew";
    LotsNotHeard "LOTS-NOT-HEARD" Warning Nothing Broker, after 2 s, follows [BrokerDown, BrokerDenied]:
        /// The site's messages about lots, orders and pallets do not come.
        "let the gateway's user subscribe to [reference] topic at the broker";
    LotsStale "LOTS-STALE" Warning Nothing Setup, after 0 s, follows [BrokerDown, BrokerDenied, LotsNotHeard]:
        /// What the site told of lots, orders and pallets is older than [reference] max_age, or nobody ever told how old it is.
        "check that what publishes it runs, and its clock and this gateway's";
    LotsIncomplete "LOTS-INCOMPLETE" Warning Nothing Setup, after 0 s, follows [BrokerDown, BrokerDenied, LotsNotHeard]:
        /// A snapshot of the site's data is not complete.
        "check that what publishes it publishes as many messages as its meta message says";
    LotsMessageRefused "LOTS-MESSAGE-REFUSED" Warning Nothing Setup, after 0 s, follows []:
        /// A message of the site about a lot, an order or a pallet could not be taken.
        "the text has the topic and what is wrong in the message; mend what publishes it";
    CommandsNotHeard "COMMANDS-NOT-HEARD" Warning Nothing Broker, after 2 s, follows [BrokerDown, BrokerDenied]:
        /// The broker does not let the gateway subscribe to a command.
        "let the gateway's user subscribe to the command topics at the broker";
    EventsSetAside "EVENTS-SET-ASIDE" Warning Nothing Broker, after 0 s, follows []:
        /// Events that the broker never takes were set aside in the buffer.
        "tracegate buffer list shows them and why; requeue them when the cause is gone";
    BufferGrowing "BUFFER-GROWING" Warning Nothing Broker, after 0 s, follows [BrokerDown, BrokerDenied, BrokerRefuses, BufferNearlyFull, BufferFull]:
        /// Events wait for more than five minutes, and the buffer grows.
        "look at the load of the broker and of the network to it; over a long way [mqtt] batch_events helps";
    BufferNearlyFull "BUFFER-NEARLY-FULL" Warning Nothing Disk, after 0 s, follows [BufferFull]:
        /// The buffer is at three quarters of where sources begin to wait.
        "make the broker take events, or raise [buffer] max_size";
    DiskLow "DISK-LOW" Warning Nothing Disk, after 0 s, follows [StorageFailed, BufferFull]:
        /// A disk that the gateway writes to has little room left: a twentieth, or 1 GiB.
        "delete or move what others have put there (du -xhd2 / tells), or give the gateway a larger disk";
    CertificateInvalid "CERTIFICATE-INVALID" Error Nothing Setup, after 0 s, follows []:
        /// A certificate has expired, or is not valid yet.
        "renew it, or set the clock, as the text says";
    CertificateExpires "CERTIFICATE-EXPIRES" Warning Nothing Setup, after 0 s, follows []:
        /// A certificate expires within 30 days.
        "renew it; a renewed file is taken into use by itself";
    CertificateUnusable "CERTIFICATE-UNUSABLE" Warning Nothing Setup, after 0 s, follows []:
        /// Changed certificates or a changed password cannot be used; the old ones stay in use.
        "mend the file that the text names";
    SecretExposed "SECRET-EXPOSED" Warning Nothing Setup, after 0 s, follows []:
        /// Others on this machine may read a key or a password.
        "take the rights away: chmod 600, or systemd credentials";
    ConfigLastGood "CONFIG-LAST-GOOD" Warning Nothing Setup, after 0 s, follows []:
        /// The configuration was rejected at the start; the gateway works by the last good copy of it.
        "tracegate check shows the mistakes; mend them, then tracegate reload";
    ConfigRejected "CONFIG-REJECTED" Warning Nothing Setup, after 0 s, follows []:
        /// A reload refused the configuration; what was in force before stays in force.
        "tracegate check shows the mistakes; mend them, then tracegate reload";
    ConfigWaits "CONFIG-WAITS" Warning Nothing Setup, after 0 s, follows []:
        /// The file that was taken into use last has settings that wait for a restart; until then those of the start count.
        "restart the gateway when it suits, systemctl restart tracegate, or put the old settings back and reload; nothing is lost by a restart";
    ClockUnsynced "CLOCK-UNSYNCED" Warning Nothing Setup, after 60 s, follows []:
        /// The gateway's clock follows no time server; events are marked.
        "timedatectl shows why; name a time server that the gateway reaches";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
