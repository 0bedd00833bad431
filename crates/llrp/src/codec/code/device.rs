//! Enumerations of messages, specifications and reports.

codes! {
    /// Outcome of a request (LLRP 1.0.1 §14.2.1).
    StatusCode: u16 {
        0 Success "success",
        100 ParameterError "an error in a parameter of the message",
        101 FieldError "an error in a field of the message",
        102 UnexpectedParameter "a parameter where none is expected",
        103 MissingParameter "a mandatory parameter is missing",
        104 DuplicateParameter "a parameter came more than once",
        105 OverflowParameter "more of a parameter than the reader can take",
        106 OverflowField "a field is larger than the reader can take",
        107 UnknownParameter "a parameter the reader does not know",
        108 UnknownField "a field the reader does not know",
        109 UnsupportedMessage "the reader does not support the message",
        110 UnsupportedVersion "the reader does not speak this protocol version",
        111 UnsupportedParameter "the reader does not support the parameter",
        112 UnexpectedMessage "the reader does not expect the message now",
        200 NestedParameterError "an error in a sub-parameter",
        201 NestedFieldError "an error in a field of the parameter",
        202 NestedUnexpectedParameter "a sub-parameter where none is expected",
        203 NestedMissingParameter "a mandatory sub-parameter is missing",
        204 NestedDuplicateParameter "a sub-parameter came more than once",
        205 NestedOverflowParameter "more of a sub-parameter than the reader can take",
        206 NestedOverflowField "a field of the parameter is larger than the reader can take",
        207 NestedUnknownParameter "a sub-parameter the reader does not know",
        208 NestedUnknownField "a field of the parameter the reader does not know",
        209 NestedUnsupportedParameter "the reader does not support the sub-parameter",
        300 Invalid "the value is invalid",
        301 OutOfRange "the value is out of range",
        401 DeviceError "a fault in the reader itself",
    }

    /// What became of a connection attempt (LLRP 1.0.1 §13.2.6.11).
    ConnectionAttemptStatus: u16 {
        0 Success "connected",
        1 ReaderInitiatedExists "the reader itself has opened a connection to another client",
        2 ClientInitiatedExists "another client holds the reader",
        3 Failed "the reader refuses the connection, without saying why",
        4 AnotherAttempted "another client tried to connect",
    }

    /// State of a ROSpec (LLRP 1.0.1 §10.2.1).
    ROSpecState: u8 {
        0 Disabled "disabled",
        1 Inactive "enabled, not started",
        2 Active "active",
    }

    /// What starts a ROSpec (LLRP 1.0.1 §10.2.1.1.1).
    ROSpecStartTriggerType: u8 {
        0 Null "by START_ROSPEC only",
        1 Immediate "as soon as enabled",
        2 Periodic "periodically",
        3 Gpi "by a general-purpose input",
    }

    /// What stops a ROSpec (LLRP 1.0.1 §10.2.1.1.2).
    ROSpecStopTriggerType: u8 {
        0 Null "by STOP_ROSPEC or the end of its parts",
        1 Duration "after a duration",
        2 GpiWithTimeout "by a general-purpose input, or a time-out",
    }

    /// What stops an AISpec (LLRP 1.0.1 §10.2.2.1).
    AISpecStopTriggerType: u8 {
        0 Null "with its ROSpec",
        1 Duration "after a duration",
        2 GpiWithTimeout "by a general-purpose input, or a time-out",
        3 TagObservation "by what tags were seen",
    }

    /// When reports are sent (LLRP 1.0.1 §13.2.1); 3 to 6 since 1.1.
    ROReportTriggerType: u8 {
        0 None "only when asked for",
        1 UponNTagsOrEndOfAISpec "upon N tags or the end of the AISpec",
        2 UponNTagsOrEndOfROSpec "upon N tags or the end of the ROSpec",
        3 UponNSecondsOrEndOfAISpec "upon N seconds or the end of the AISpec",
        4 UponNSecondsOrEndOfROSpec "upon N seconds or the end of the ROSpec",
        5 UponNMillisecondsOrEndOfAISpec "upon N milliseconds or the end of the AISpec",
        6 UponNMillisecondsOrEndOfROSpec "upon N milliseconds or the end of the ROSpec",
    }

    /// Whether keepalives are sent (LLRP 1.0.1 §12.2.5).
    KeepaliveTriggerType: u8 {
        0 Null "never",
        1 Periodic "periodically",
    }

    /// Events that can be switched on and off (LLRP 1.0.1 §13.2.5.1); 9 since 1.1.
    NotificationEventType: u16 {
        0 UponHoppingToNextChannel "hopping to the next channel",
        1 GpiEvent "a general-purpose input changed",
        2 ROSpecEvent "a ROSpec started or ended",
        3 ReportBufferFillWarning "the report buffer fills up",
        4 ReaderExceptionEvent "an exception in the reader",
        5 RFSurveyEvent "a survey started or ended",
        6 AISpecEvent "an AISpec ended",
        7 AISpecEventWithDetails "an AISpec ended, with details",
        8 AntennaEvent "an antenna was connected or disconnected",
        9 SpecLoopEvent "a ROSpec begins its parts anew",
    }

    /// What happened to a ROSpec (LLRP 1.0.1 §13.2.6.4).
    ROSpecEventType: u8 {
        0 Start "started",
        1 End "ended",
        2 Preemption "preempted by another",
    }

    /// What happened to an antenna (LLRP 1.0.1 §13.2.6.10).
    AntennaEventType: u8 {
        0 Disconnected "disconnected",
        1 Connected "connected",
    }

    /// Part of the capabilities asked for (LLRP 1.0.1 §9.2.1).
    CapabilitiesRequest: u8 {
        0 All "all",
        1 General "general device capabilities",
        2 Llrp "LLRP capabilities",
        3 Regulatory "regulatory capabilities",
        4 AirProtocol "air protocol capabilities",
    }

    /// Part of the configuration asked for (LLRP 1.0.1 §12.1.1).
    ConfigRequest: u8 {
        0 All "all",
        1 Identification "identification",
        2 AntennaProperties "antenna properties",
        3 AntennaConfiguration "antenna configuration",
        4 ROReportSpec "report contents and trigger",
        5 ReaderEventNotificationSpec "event notifications",
        6 AccessReportSpec "access report trigger",
        7 ConfigurationStateValue "configuration state value",
        8 KeepaliveSpec "keepalives",
        9 GpiPortCurrentState "general-purpose inputs",
        10 GpoWriteData "general-purpose outputs",
        11 EventsAndReports "holding of events and reports",
    }

    /// What ends an AISpec by what was seen (LLRP 1.0.1 §10.2.2.1.1); 3 and 4 since 1.1.
    TagObservationTriggerType: u8 {
        0 NTags "upon N tags or the time-out",
        1 NoNewTags "upon no new tags for some time, or the time-out",
        2 NAttempts "after N attempts to see all tags, or the time-out",
        3 NUniqueTags "upon N different tags or the time-out",
        4 NoNewUniqueTags "upon no new different tags for some time, or the time-out",
    }

    /// What ends a survey (LLRP 1.0.1 §10.2.3.1).
    RFSurveySpecStopTriggerType: u8 {
        0 Null "with its ROSpec",
        1 Duration "after a duration",
        2 NIterations "after N passes through the frequency range",
    }

    /// What ends an AccessSpec (LLRP 1.0.1 §11.2.1.1).
    AccessSpecStopTriggerType: u8 {
        0 Null "by DELETE_ACCESSSPEC or DISABLE_ACCESSSPEC",
        1 OperationCount "after a number of operations",
    }

    /// When results of an AccessSpec are reported (LLRP 1.0.1 §13.2.2).
    AccessReportTriggerType: u8 {
        0 WithROReport "whenever the ROSpec reports",
        1 EndOfAccessSpec "at the end of the AccessSpec",
    }

    /// Kind of the reader's own id (LLRP 1.0.1 §12.2.2).
    IdentificationType: u8 {
        0 MacAddress "a MAC address",
        1 Epc "an EPC",
    }

    /// Level of a general-purpose input (LLRP 1.0.1 §12.2.3.3).
    GPIPortState: u8 {
        0 Low "low",
        1 High "high",
        2 NotKnown "not known to the reader",
    }

    /// What happened to a survey (LLRP 1.0.1 §13.2.6.8).
    RFSurveyEventType: u8 {
        0 Start "started",
        1 End "ended",
    }

    /// What happened to an AISpec (LLRP 1.0.1 §13.2.6.9).
    AISpecEventType: u8 {
        0 End "ended",
    }

    /// Radio regulation the reader works under (LLRP 1.0.1 §9.2.4.1).
    CommunicationsStandard: u16 {
        0 Unspecified "unspecified",
        1 UsFccPart15 "US FCC Part 15",
        2 Etsi302208 "ETSI EN 302 208",
        3 Etsi300220 "ETSI EN 300 220",
        4 AustraliaLipd1W "Australia, 1 W",
        5 AustraliaLipd4W "Australia, 4 W",
        6 JapanAribStdT89 "Japan, ARIB STD-T89",
        7 HongKongOfta1049 "Hong Kong, OFTA 1049",
        8 TaiwanDgtLp0002 "Taiwan, DGT LP0002",
        9 KoreaMicArticle52 "Korea, MIC article 5-2",
    }
}
