//! SET_READER_CONFIG and GET_READER_CONFIG (LLRP 1.0.1 §12).

use super::Reader;
use super::inventory::default_selector;
use super::refusal::{Refusal, message_field};
use super::vendor;
use crate::codec::code::{
    AccessReportTriggerType, ConfigRequest, GPIPortState, IdentificationType, KeepaliveTriggerType,
    NotificationEventType, ROReportTriggerType, StatusCode,
};
use crate::codec::message::{GetReaderConfig, SetReaderConfig};
use crate::codec::param::{
    AccessReportSpec, AntennaConfiguration, AntennaProperties, C1G2InventoryCommand, C1G2RFControl,
    C1G2SingulationControl, EventNotificationState, EventsAndReports, GPIPortCurrentState,
    GPOWriteData, Identification, KeepaliveSpec, LLRPConfigurationStateValue, RFReceiver,
    RFTransmitter, ROReportSpec, ReaderEventNotificationSpec,
};
use crate::codec::{Param, Params};

/// Settings made by SET_READER_CONFIG; a reboot forgets them.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) hold: bool,
    pub(super) keepalive_ms: Option<u32>,
    pub(super) notifications: Vec<NotificationEventType>,
    pub(super) report_spec: Option<ROReportSpec>,
    pub(super) access_report: Option<AccessReportSpec>,
    /// What was set for single antennas, by their id.
    pub(super) antennas: Vec<AntennaConfiguration>,
    /// Whether each input is watched.
    pub(super) gpis: Vec<bool>,
    /// Level of each output.
    pub(super) gpos: Vec<bool>,
    /// Unanswered keepalives after which the connection is given up.
    pub(super) link_monitor: Option<u16>,
}

impl Settings {
    pub(super) fn new(gpis: u16, gpos: u16) -> Self {
        Self {
            hold: false,
            keepalive_ms: None,
            notifications: Vec::new(),
            report_spec: None,
            access_report: None,
            antennas: Vec::new(),
            gpis: vec![true; usize::from(gpis)],
            gpos: vec![false; usize::from(gpos)],
            link_monitor: None,
        }
    }
}

/// The place of a port or antenna numbered from 1.
fn place(number: u16) -> usize {
    usize::from(number).wrapping_sub(1)
}

impl Reader {
    /// All of it or nothing: what cannot be done is refused before anything is changed.
    pub(super) fn configure(&mut self, request: &SetReaderConfig) -> Result<(), Refusal> {
        let params = &request.params;
        self.check(None, params)?;
        if request.reset_to_factory_default {
            self.settings = Settings::new(self.config.gpis, self.config.gpos);
        }
        if let Some(events) = params.first::<EventsAndReports>() {
            self.settings.hold = events.hold_events_and_reports_upon_reconnect;
        }
        if let Some(spec) = params.first::<ROReportSpec>() {
            self.settings.report_spec = Some(spec.clone());
        }
        if let Some(spec) = params.first::<AccessReportSpec>() {
            self.settings.access_report = Some(spec.clone());
        }
        if let Some(spec) = params.first::<KeepaliveSpec>() {
            let periodic = spec.trigger_type == KeepaliveTriggerType::Periodic;
            self.settings.keepalive_ms = periodic.then_some(spec.period_ms);
            let next = self.keepalive_after(self.now_us);
            if let Some(connection) = &mut self.connection {
                connection.next_keepalive_us = next;
            }
        }
        if let Some(spec) = params.first::<ReaderEventNotificationSpec>() {
            for state in spec.params.all::<EventNotificationState>() {
                let notifications = &mut self.settings.notifications;
                notifications.retain(|kind| *kind != state.event_type);
                if state.enabled {
                    notifications.push(state.event_type);
                }
            }
        }
        for write in params.all::<GPOWriteData>() {
            if let Some(level) = self.settings.gpos.get_mut(place(write.gpo_port_number)) {
                *level = write.gpo_data;
            }
        }
        for state in params.all::<GPIPortCurrentState>() {
            if let Some(watched) = self.settings.gpis.get_mut(place(state.gpi_port_num)) {
                *watched = state.config;
            }
        }
        for antenna in params.all::<AntennaConfiguration>() {
            let ids = match antenna.antenna_id {
                0 => 1..=self.config.antennas,
                id => id..=id,
            };
            ids.for_each(|id| self.configure_antenna(id, &antenna.params));
        }
        if let Some(link_monitor) = vendor::link_monitor(params) {
            self.settings.link_monitor = link_monitor;
        }
        self.state_changed();
        Ok(())
    }

    /// What is given replaces what was there of the same kind; the rest stays.
    fn configure_antenna(&mut self, antenna_id: u16, params: &Params) {
        let mut antenna = self.antenna_configuration(antenna_id);
        antenna
            .params
            .0
            .retain(|old| params.0.iter().all(|new| new.name() != old.name()));
        antenna.params.0.extend(params.0.iter().cloned());
        self.settings
            .antennas
            .retain(|known| known.antenna_id != antenna_id);
        self.settings.antennas.push(antenna);
    }

    /// How an antenna is set up, with what the reader chose where nobody has.
    pub(super) fn antenna_configuration(&self, antenna_id: u16) -> AntennaConfiguration {
        let known = self
            .settings
            .antennas
            .iter()
            .find(|known| known.antenna_id == antenna_id);
        known.cloned().unwrap_or_else(|| {
            let mode = self.config.rf_modes.first().copied().unwrap_or_default();
            let inventory = Params::default()
                .with(C1G2RFControl {
                    mode_index: u16::try_from(mode).unwrap_or(0),
                    tari: 0,
                })
                .with(C1G2SingulationControl {
                    tag_population: 32,
                    ..C1G2SingulationControl::default()
                });
            AntennaConfiguration {
                antenna_id,
                params: Params::default()
                    .with(RFReceiver {
                        receiver_sensitivity: 1,
                    })
                    .with(RFTransmitter {
                        hop_table_id: u16::from(self.config.hopping),
                        channel_index: u16::from(!self.config.hopping),
                        transmit_power: u16::try_from(self.config.power_table.len())
                            .unwrap_or(u16::MAX),
                    })
                    .with(C1G2InventoryCommand {
                        tag_inventory_state_aware: false,
                        params: inventory,
                    }),
            }
        })
    }

    pub(super) fn configuration(&self, request: &GetReaderConfig) -> Result<Params, Refusal> {
        self.check(None, &request.params)?;
        let limits = [
            (0, request.antenna_id, self.config.antennas, "antennas"),
            (2, request.gpi_port_num, self.config.gpis, "inputs"),
            (3, request.gpo_port_num, self.config.gpos, "outputs"),
        ];
        for (field_num, number, most, what) in limits {
            if number > most {
                let text = format!("this reader has {what} 1 to {most}");
                return Err(message_field(field_num, StatusCode::OutOfRange, &text));
            }
        }
        Ok(self.configuration_params(request))
    }

    fn configuration_params(&self, request: &GetReaderConfig) -> Params {
        let part = request.requested_data;
        let wanted = |this| part == this || part == ConfigRequest::All;
        // Number 0 asks for all.
        let chosen =
            |number: u16, most: u16| (1..=most).filter(move |&each| number == 0 || number == each);
        let mut params = Params::default();
        if wanted(ConfigRequest::Identification) {
            params.push(Identification {
                id_type: IdentificationType::MacAddress,
                reader_id: vec![0x02, 0, 0, 0xff, 0xfe, 0, 0, 1],
            });
        }
        if wanted(ConfigRequest::AntennaProperties) {
            for antenna_id in chosen(request.antenna_id, self.config.antennas) {
                params.push(AntennaProperties {
                    antenna_connected: self.antennas.get(place(antenna_id)) == Some(&true),
                    antenna_id,
                    antenna_gain: 600,
                });
            }
        }
        if wanted(ConfigRequest::AntennaConfiguration) {
            for antenna_id in chosen(request.antenna_id, self.config.antennas) {
                params.push(self.antenna_configuration(antenna_id));
            }
        }
        if wanted(ConfigRequest::ReaderEventNotificationSpec) {
            params.push(self.notifications());
        }
        if wanted(ConfigRequest::ROReportSpec) {
            params.push(
                self.settings
                    .report_spec
                    .clone()
                    .unwrap_or_else(|| ROReportSpec {
                        trigger: ROReportTriggerType::UponNTagsOrEndOfROSpec,
                        n: 0,
                        params: Params::default().with(default_selector()),
                    }),
            );
        }
        if wanted(ConfigRequest::AccessReportSpec) {
            params.push(
                self.settings
                    .access_report
                    .clone()
                    .unwrap_or(AccessReportSpec {
                        trigger: AccessReportTriggerType::WithROReport,
                    }),
            );
        }
        if wanted(ConfigRequest::ConfigurationStateValue) {
            params.push(LLRPConfigurationStateValue {
                value: self.state_value,
            });
        }
        if wanted(ConfigRequest::KeepaliveSpec) {
            params.push(self.keepalive_spec());
        }
        if wanted(ConfigRequest::GpiPortCurrentState) {
            for gpi_port_num in chosen(request.gpi_port_num, self.config.gpis) {
                let high = self.inputs.get(place(gpi_port_num)) == Some(&true);
                params.push(GPIPortCurrentState {
                    gpi_port_num,
                    config: self.settings.gpis.get(place(gpi_port_num)) == Some(&true),
                    state: if high {
                        GPIPortState::High
                    } else {
                        GPIPortState::Low
                    },
                });
            }
        }
        if wanted(ConfigRequest::GpoWriteData) {
            for gpo_port_number in chosen(request.gpo_port_num, self.config.gpos) {
                params.push(GPOWriteData {
                    gpo_port_number,
                    gpo_data: self.settings.gpos.get(place(gpo_port_number)) == Some(&true),
                });
            }
        }
        if wanted(ConfigRequest::EventsAndReports) {
            params.push(EventsAndReports {
                hold_events_and_reports_upon_reconnect: self.settings.hold,
            });
        }
        params
    }

    fn notifications(&self) -> Param {
        let states = (0..=8).map(|kind| {
            let event_type = NotificationEventType::from(kind);
            EventNotificationState {
                event_type,
                enabled: self.settings.notifications.contains(&event_type),
            }
        });
        ReaderEventNotificationSpec {
            params: states.collect(),
        }
        .into()
    }

    fn keepalive_spec(&self) -> KeepaliveSpec {
        let period_ms = self.settings.keepalive_ms;
        KeepaliveSpec {
            trigger_type: match period_ms {
                Some(_) => KeepaliveTriggerType::Periodic,
                None => KeepaliveTriggerType::Null,
            },
            period_ms: period_ms.unwrap_or(0),
        }
    }

    /// Level of a general-purpose output, numbered from 1, as the client has set it.
    #[must_use]
    pub fn gpo(&self, port: u16) -> Option<bool> {
        self.settings.gpos.get(place(port)).copied()
    }

    /// A general-purpose input changed: its level is kept, the client told if it wants to know, and ROSpecs that wait
    /// for it start or stop.
    pub fn gpi_event(&mut self, utc_us: u64, gpi_port_number: u16, high: bool) {
        self.tick(utc_us);
        if let Some(level) = self.inputs.get_mut(place(gpi_port_number)) {
            *level = high;
        }
        if self.settings.gpis.get(place(gpi_port_number)) == Some(&true) {
            let event = crate::codec::param::GPIEvent {
                gpi_port_number,
                high,
            };
            self.notify(NotificationEventType::GpiEvent, event);
            self.run_gpi_triggers(gpi_port_number, high);
        }
    }

    /// An antenna was connected or disconnected; a disconnected one sees nothing.
    pub fn antenna_event(&mut self, utc_us: u64, antenna_id: u16, connected: bool) {
        use crate::codec::code::AntennaEventType;
        self.tick(utc_us);
        if let Some(state) = self.antennas.get_mut(place(antenna_id)) {
            *state = connected;
        }
        let event_type = if connected {
            AntennaEventType::Connected
        } else {
            AntennaEventType::Disconnected
        };
        let event = crate::codec::param::AntennaEvent {
            event_type,
            antenna_id,
        };
        self.notify(NotificationEventType::AntennaEvent, event);
    }
}
