use proptest::prelude::*;

use super::*;

fn mark(id: MarkId, outcome: MarkOutcome) -> Mark {
    Mark {
        id,
        item: MarkedItem::default(),
        outcome,
        grade: None,
        device_time_us: None,
    }
}

fn log(generation: u32, offset: u64) -> MarkId {
    MarkId::Log { generation, offset }
}

fn place(generation: u32, resume: u64, read_to: u64) -> Progress {
    Progress::Log(LogPlace {
        generation,
        resume,
        read_to,
        ..LogPlace::default()
    })
}

/// Whether it was told for the first time.
fn is_new(feed: &mut MarkFeed, id: MarkId) -> bool {
    let (ended, told_before) = feed.take(Time(0), mark(id, MarkOutcome::Done));
    assert_eq!(ended.is_empty(), told_before);
    !told_before
}

#[test]
fn a_log_that_is_read_again_tells_nothing_again() {
    let mut feed = MarkFeed::default();
    assert!(is_new(&mut feed, log(0, 0)));
    feed.advance(place(0, 10, 10));
    assert!(!is_new(&mut feed, log(0, 0)));
    // A mark that began at 10 is still under way; the one at 20 has ended.
    assert!(is_new(&mut feed, log(0, 20)));
    feed.advance(place(0, 10, 40));
    assert!(!is_new(&mut feed, log(0, 20)) && is_new(&mut feed, log(0, 10)));
    feed.advance(place(1, 0, 0));
    assert!(!is_new(&mut feed, log(0, 50)) && is_new(&mut feed, log(1, 0)));
}

#[test]
fn a_mark_that_began_in_the_file_before_may_end() {
    let mut feed = MarkFeed::default();
    feed.take(Time(5), mark(log(0, 10), MarkOutcome::Begun));
    feed.advance(place(1, 0, 0));
    let (ended, _) = feed.take(Time(9), mark(log(0, 10), MarkOutcome::Done));
    assert_eq!(ended[0].0, Time(5));
    assert!(!is_new(&mut feed, log(0, 10)));
}

#[test]
fn files_are_known_by_their_content() {
    let mut feed = MarkFeed::default();
    let id = |content, index| MarkId::File { content, index };
    assert!(is_new(&mut feed, id(7, 0)) && is_new(&mut feed, id(7, 1)));
    assert!(!is_new(&mut feed, id(7, 1)) && is_new(&mut feed, id(8, 0)));
    feed.advance(Progress::File(7));
    assert!(!is_new(&mut feed, id(7, 2)));
    assert_eq!(feed.files().collect::<Vec<_>>(), [7]);
    for content in 100..100 + MAX_FILES as u64 {
        feed.advance(Progress::File(content));
    }
    assert_eq!(feed.files.len(), MAX_FILES);
    assert!(is_new(&mut feed, id(7, 0)), "the oldest is forgotten");
}

#[test]
fn ids_of_a_device_are_remembered_for_a_while() {
    let mut feed = MarkFeed::default();
    let id = |n: usize| MarkId::Own(n.to_string());
    for n in 0..=MAX_OWN_IDS {
        assert!(is_new(&mut feed, id(n)));
    }
    assert!(!is_new(&mut feed, id(1)) && is_new(&mut feed, id(0)));
}

#[test]
fn what_had_begun_before_a_restart_is_not_known() {
    let mut feed = MarkFeed::default();
    let id = |index| MarkId::Heard { at_us: 3, index };
    feed.take(Time(3), mark(id(0), MarkOutcome::Begun));
    feed.take(Time(3), mark(id(0), MarkOutcome::Begun));
    assert_eq!(feed.begun.len(), 1, "the same, told again");
    let ended = feed.restarted();
    assert!(matches!(&ended[..], [(Time(3), it)] if matches!(it.outcome, MarkOutcome::Unknown(_))));
    for index in 0..=MAX_BEGUN as u32 {
        let (ended, _) = feed.take(Time(4), mark(id(index), MarkOutcome::Begun));
        assert_eq!(ended.len(), usize::from(index == MAX_BEGUN as u32));
    }
    assert_eq!(feed.begun.len(), MAX_BEGUN);
}

#[test]
fn feeds_of_former_configurations_are_kept_to_a_limit() {
    let mut feeds = MarkFeeds::default();
    for n in 0..MAX_FORMER + 9 {
        feeds.entry(&format!("laser_{n:03}"));
    }
    feeds.configured(&["laser_070".to_owned()]);
    assert_eq!(feeds.0.len(), MAX_FORMER + 1);
    assert!(feeds.get("laser_070").is_some());
}

proptest! {
    /// Lines of a log as marks of one or two lines; the reader is killed at any place and reads again from `resume`.
    #[test]
    fn each_mark_of_a_log_once_however_often_it_is_read(
        lines in prop::collection::vec(1_u64..4, 1..40),
        kills in prop::collection::vec(1_usize..20, 0..6),
    ) {
        // A mark begins in line n and ends `length - 1` lines later.
        let total = lines.len() as u64;
        let (mut feed, mut told) = (MarkFeed::default(), Vec::new());
        let runs = kills.into_iter().chain([usize::MAX]);
        for run in runs {
            let from = feed.log().map_or(0, |log| log.resume);
            for end in (from..total + 4).take(run) {
                // Marks that began since the reader started, as a reader knows them.
                let ends_here = |begin: &u64| begin + lines[*begin as usize] == end + 1;
                let ends_later = |begin: &u64| begin + lines[*begin as usize] > end + 1;
                let begun = || from..total.min(end + 1);
                for begin in begun().filter(ends_here) {
                    let (ended, _) = feed.take(Time(0), mark(log(0, begin), MarkOutcome::Done));
                    told.extend(ended.into_iter().map(|it| it.1.id));
                }
                let resume = begun().find(ends_later).unwrap_or(end + 1);
                feed.advance(place(0, resume, end + 1));
            }
        }
        told.sort();
        prop_assert_eq!(told, (0..total).map(|begin| log(0, begin)).collect::<Vec<_>>());
    }
}
