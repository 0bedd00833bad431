//! What the pipeline counts, told to those who ask for it.

use tracegate_pipeline::input::NonEventReason;
use tracegate_pipeline::stats::Stats;

use super::Core;

impl Core {
    /// Adds what was counted since the last time.
    pub(super) fn count(&mut self) {
        let (now, counters) = (self.pipeline.stats(), self.wiring.health.counters());
        let seen = &mut self.seen;
        counters.reads.add(now.reads - seen.reads);
        counters.reads_weak.add(now.weak - seen.weak);
        counters.reads_ignored.add(now.ignored - seen.ignored);
        counters.reads_cut_off.add(now.cut_off - seen.cut_off);
        counters.reads_iso.add(now.iso - seen.iso);
        counters.reads_blank.add(now.blank - seen.blank);
        counters.reads_unknown.add(now.unknown - seen.unknown);
        counters
            .reads_unassigned
            .add(now.unassigned - seen.unassigned);
        counters.reads_late.add(now.late - seen.late);
        counters.events_late.add(now.late_events - seen.late_events);
        let incomplete = now.incomplete - seen.incomplete;
        counters.events_incomplete.add(incomplete);
        let mismatches = now.sensor_mismatches - seen.sensor_mismatches;
        counters.sensor_reads_failed.add(mismatches);
        let elsewhere = now.elsewhere - seen.elsewhere;
        counters.beacons_elsewhere.add(elsewhere);
        counters.alarms.add(now.alarms - seen.alarms);
        counters.clock_steps.add(now.clock_steps - seen.clock_steps);
        counters.events.add(now.events - seen.events);
        let untagged = |stats: &Stats| {
            let count = stats.non_events.get(&NonEventReason::Untagged);
            count.copied().unwrap_or(0)
        };
        let non_events = |stats: &Stats| stats.non_events.values().sum::<u64>() - untagged(stats);
        counters.non_events.add(non_events(now) - non_events(seen));
        counters
            .untagged_passages
            .add(untagged(now) - untagged(seen));
        counters.eyes_late.add(now.edges_late - seen.edges_late);
        let [accepted, repeated, refused] = now.scans;
        let [was_accepted, was_repeated, was_refused] = seen.scans;
        counters
            .scans
            .add(accepted + repeated + refused - was_accepted - was_repeated - was_refused);
        counters.scans_repeated.add(repeated - was_repeated);
        counters.scans_refused.add(refused - was_refused);
        let refused = now.guard_refused - seen.guard_refused;
        counters.guard_refused.add(refused);
        let warned = now.guard_warned - seen.guard_warned;
        counters.guard_warned.add(warned);
        let alerts = now.guard_alerts - seen.guard_alerts;
        counters.guard_alerts.add(alerts);
        counters.marks.add(now.marks - seen.marks);
        counters
            .marks_repeated
            .add(now.marks_repeated - seen.marks_repeated);
        counters.capped.set(now.capped);
        counters.waiting.set(self.store.waiting());
        let dropped = self.store.telemetry_dropped();
        counters.telemetry_dropped.set(dropped);
        let (tags, buffered) = self.pipeline.sizes();
        counters.tags.set(tags as u64);
        counters.references.set(self.pipeline.facts() as u64);
        let capped = now.references_capped - seen.references_capped;
        counters.references_capped.add(capped);
        counters.reads_buffered.set(buffered as u64);
        *seen = now.clone();
    }
}
