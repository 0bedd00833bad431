//! What is wrong with the way back from the broker: the store's word, subscriptions, commands, the site's data.

use super::Health;
use crate::downlink::command::Kind;

/// Each stands among the conditions until it is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// The store's acknowledgement is not taken.
    StoreRefused,
    /// The store confirms nothing.
    StoreSilent,
    /// The broker does not let us subscribe to the store's acknowledgement.
    StoreSubscription,
    /// The site's messages about lots and orders do not come.
    SiteData,
    /// A snapshot of the site's data is not complete.
    Snapshot,
    /// A message of the site could not be taken.
    SiteMessage,
    /// The broker does not let us subscribe to a command.
    CommandSubscription(Kind),
}

impl Health {
    /// Notes what is wrong until it is ended with `None`; returns whether it is news.
    pub fn notice(&self, notice: Notice, text: Option<String>) -> bool {
        let news = {
            let mut links = self.links();
            let known = links.notices.get(&notice);
            let news = known != text.as_ref();
            match text {
                Some(text) => drop(links.notices.insert(notice, text)),
                None => drop(links.notices.remove(&notice)),
            }
            news
        };
        self.announce(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::BrokerState;

    #[test]
    fn a_notice_is_a_condition_until_it_ends() {
        let health = Health::new("plant-3", "e");
        health.broker(BrokerState::Up);
        let silent = || Some("it confirms nothing".to_owned());
        assert!(health.notice(Notice::StoreSilent, silent()));
        assert!(!health.notice(Notice::StoreSilent, silent()));
        assert_eq!(health.conditions(), ["store: it confirms nothing"]);
        assert!(health.notice(Notice::StoreSilent, None));
        assert!(!health.notice(Notice::StoreSilent, None));
        assert_eq!(health.conditions(), [""; 0]);
    }
}
