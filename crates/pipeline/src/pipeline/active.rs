//! Beacons of active tags: to the one zone where the tag is, and to alarms.

use tracegate_feed::active::Signal;
use tracegate_gs1::epc::decode_bank;

use super::Pipeline;
use super::book::Books;
use super::watch::{Port, zone_of};
use crate::clock::Corrected;
use crate::config::ReadPointKind;
use crate::fate::Fate;
use crate::filter::TagClass;
use crate::gate::EpcKey;
use crate::input::{Output, Read};
use crate::time::Span;
use crate::whereabouts::{Heard, Hearing};

impl Pipeline {
    /// Which zone a beacon counts for, and how long its tag may be silent.
    ///
    /// # Errors
    /// It counts for none; what became of it.
    pub(super) fn locate(
        &mut self,
        port: Port,
        read: &Read,
        signal: &Signal,
        corrected: &Corrected,
        outputs: &mut Vec<Output>,
    ) -> Result<(usize, Span), Fate> {
        let read_points = &self.state.config.read_points;
        let marked = signal
            .marker
            .as_ref()
            .and_then(|id| self.marked.get(id))
            .copied();
        let zone = self.watched.get(&port).copied().filter(|index| {
            let kind = read_points.get(*index).map(|it| &it.kind);
            matches!(kind, Some(ReadPointKind::Zone(_)))
        });
        let config = zone.and_then(|zone| zone_of(read_points.get(zone)?));
        if let (Some(config), Some(rssi)) = (config, read.rssi_dbm)
            && rssi < config.tuning.min_rssi_dbm
        {
            return Err(Fate::Weak);
        }
        let key = EpcKey {
            epc: read.epc.clone(),
            bit_len: read.bit_len,
        };
        let (rules, bit_len) = (&self.state.config.tags, usize::from(key.bit_len));
        let identity = decode_bank(read.pc, &key.epc, bit_len);
        if rules.classify(&key.epc, bit_len, &identity) == TagClass::Ignored {
            return Err(Fate::Ignored);
        }
        let kind = rules.active_kind(&key.epc, bit_len, &identity);
        let hearing = Hearing {
            at: corrected.at,
            port,
            zone,
            marked,
            rssi_dbm: read.rssi_dbm,
            signal,
            pace: kind.map(|kind| kind.pace).unwrap_or_default(),
            limits: kind.map(|kind| kind.limits).unwrap_or_default(),
        };
        let Some(heard) = self.state.whereabouts.hear(&key, &hearing) else {
            return Err(Fate::Unassigned);
        };
        self.alarms(&heard, &key, read, corrected, outputs);
        match heard.counts {
            true => Ok((heard.place, heard.silence)),
            false => Err(Fate::Elsewhere),
        }
    }

    fn alarms(
        &mut self,
        heard: &Heard,
        key: &EpcKey,
        read: &Read,
        corrected: &Corrected,
        outputs: &mut Vec<Output>,
    ) {
        if heard.alarms.is_empty() {
            return;
        }
        let Some(read_point) = self.state.config.read_points.get(heard.place) else {
            return;
        };
        let active = zone_of(read_point).and_then(|zone| zone.active.as_ref());
        let Some(step) = active.map(|active| &active.alarm) else {
            return;
        };
        let books = Books::new(
            read_point,
            &self.zone,
            &self.state.config,
            &self.state.references,
        );
        for alarm in &heard.alarms {
            self.stats.alarms += 1;
            let tag = (key.clone(), read.pc);
            let when = (corrected.at, corrected.uncertainty);
            books.alarm(step, when, &tag, alarm, &mut self.stats, outputs);
        }
    }
}
