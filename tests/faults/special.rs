//! Scenarios that need more than faults at their moments.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::ensure;
use tracegate_sim::broker::{Broker, Well};
use tracegate_sim::proxy::{End, Proxy};
use tracegate_sim::wait_until;

use super::process::lock;
use super::scenarios::EVENTS;
use super::site::{ANY, SOON, Site};

type Played<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + 'a>>;

/// The requirement: a peer that stops reading is noticed within this time, with the deadlines of the daemon.
const NOTICED: Duration = Duration::from_secs(15);

/// The broker stops reading once; the gateway connects anew in time.
pub fn noticed_in_time(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        site.configure()?;
        site.start_gateway()?;
        let script = site.script.clone();
        wait_until("the broker to stop reading", SOON * 2, || {
            script.faults() == 1
        })
        .await?;
        let since = Instant::now();
        wait_until("another connection", SOON, || script.connections() == 2).await?;
        let took = since.elapsed();
        ensure!(took <= NOTICED, "noticed only after {took:?}");
        site.play().await
    })
}

/// Nothing ends the connection.
pub fn one_connection(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        site.configure()?;
        site.start_gateway()?;
        site.play().await?;
        let connections = site.script.connections();
        ensure!(connections == 1, "{connections} connections");
        Ok(())
    })
}

/// Without a broker until nothing more is accepted.
pub fn buffer_full(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        site.broker = None;
        site.configure()?;
        site.start_gateway()?;
        let told = site.told.clone();
        wait_until("the buffer to be full", SOON, || lock(&told).full > 0).await?;
        ensure!(lock(&told).accepted < EVENTS, "everything was accepted");
        site.start_broker().await?;
        site.play().await
    })
}

/// Two brokers of a cluster; the one that is used is lost, six times.
pub fn two_brokers(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let other = Broker::bind_with(ANY, site.script.clone()).await?;
        let proxy = Proxy::start(other.addr()).await?;
        site.url = format!(
            "[\"mqtt://{}\", \"mqtt://{}\"]",
            site.proxy.addr(),
            proxy.addr()
        );
        let mut other = Some(other);
        site.configure()?;
        site.start_gateway()?;
        for turn in 1..=6 {
            let at = turn * EVENTS / 7 - site.random.i64(0..EVENTS / 14);
            site.ledger.reached(at).await?;
            if turn % 2 == 1 {
                site.broker = None;
                let broker = Broker::bind_with(ANY, site.script.clone()).await?;
                proxy.redirect(broker.addr());
                other = Some(broker);
            } else {
                other = None;
                site.start_broker().await?;
            }
            site.faults += 1;
        }
        site.around.push(Box::new((proxy, other)));
        site.ledger.reached(EVENTS).await
    })
}

/// As root, in a name space of its own for `/etc/hosts`: the name is entered there once the gateway has looked in vain.
pub fn unknown_name(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let (hosts, resolver) = (site.path("hosts"), site.path("resolv.conf"));
        std::fs::write(&hosts, "127.0.0.1 localhost\n")?;
        // Nobody listens there: a question is answered at once, by nobody.
        std::fs::write(&resolver, "nameserver 127.0.0.1\n")?;
        let script = format!(
            "mount --bind {} /etc/hosts && mount --bind {} /etc/resolv.conf && exec \"$@\"",
            hosts.display(),
            resolver.display()
        );
        let through = ["unshare", "--mount", "sh", "-c", script.as_str(), "sh"];
        site.through = through.map(str::to_owned).to_vec();
        site.url = format!("\"mqtt://broker.plant3.test:{}\"", site.proxy.addr().port());
        site.configure()?;
        site.start_gateway()?;
        let log = || std::fs::read_to_string(site.path("log")).unwrap_or_default();
        let in_vain = "cannot reach the broker at broker.plant3.test";
        wait_until("the name to be looked up", SOON, || log().contains(in_vain)).await?;
        // In place: the file is mounted.
        std::fs::write(&hosts, "127.0.0.1 localhost broker.plant3.test\n")?;
        site.play().await
    })
}

/// Mosquitto is told to stop, saves what it has, and is started again.
pub fn mosquitto_restarted(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let mut mosquitto = super::mosquitto::Mosquitto::start(site, true).await?;
        site.subscribe(mosquitto.addr(), false).await?;
        site.configure()?;
        site.start_gateway()?;
        for turn in 1..=4 {
            site.ledger.reached(turn * EVENTS / 5).await?;
            mosquitto.stop()?;
            mosquitto.again(site).await?;
            site.faults += 1;
        }
        site.around.push(Box::new(mosquitto));
        site.ledger.reached(EVENTS).await
    })
}

/// The connection to Mosquitto is reset; it goes on.
pub fn mosquitto_reset(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let mosquitto = super::mosquitto::Mosquitto::start(site, true).await?;
        site.subscribe(mosquitto.addr(), false).await?;
        site.configure()?;
        site.start_gateway()?;
        for turn in 1..=8 {
            site.ledger.reached(turn * EVENTS / 9).await?;
            site.proxy.end(End::Reset);
            site.faults += 1;
        }
        site.around.push(Box::new(mosquitto));
        site.ledger.reached(EVENTS).await
    })
}

/// The store acknowledges, and Mosquitto saves nothing and is killed.
pub fn mosquitto_killed(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let mut mosquitto = super::mosquitto::Mosquitto::start(site, false).await?;
        site.subscribe(mosquitto.addr(), true).await?;
        site.configure()?;
        site.start_gateway()?;
        for turn in 1..=4 {
            site.ledger.reached(turn * EVENTS / 5).await?;
            mosquitto.kill();
            mosquitto.again(site).await?;
            site.faults += 1;
        }
        site.around.push(Box::new(mosquitto));
        site.ledger.reached(EVENTS).await
    })
}

/// The store acknowledges; the broker has everything in memory only, acknowledges before anybody has it, and is killed.
pub fn broker_forgets(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let any = || Broker::bind_with(ANY, Arc::new(Well));
        let mut broker = any().await?;
        let addr = Arc::new(Mutex::new(broker.addr()));
        site.proxy.redirect(broker.addr());
        site.subscribe(&addr, true).await?;
        site.configure()?;
        site.start_gateway()?;
        for turn in 1..=8 {
            let at = turn * EVENTS / 9 - site.random.i64(0..EVENTS / 18);
            site.ledger.reached(at).await?;
            if turn % 4 == 0 {
                site.restart_gateway()?;
            } else {
                drop(broker);
                broker = any().await?;
                *addr.lock().expect("nobody panics with it") = broker.addr();
                site.proxy.redirect(broker.addr());
            }
            site.faults += 1;
        }
        site.around.push(Box::new(broker));
        site.ledger.reached(EVENTS).await
    })
}

/// Bits flip, but under TLS.
pub fn tls(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let front = super::tls::Front::start(site).await?;
        site.around.push(Box::new(front));
        site.configure()?;
        site.start_gateway()?;
        site.play().await
    })
}

/// The file of trusted certificates is another CA's at first.
pub fn wrong_ca(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let front = super::tls::Front::start(site).await?;
        let right = std::fs::read(site.path("ca.pem"))?;
        super::tls::authority(site.folder.path(), "ca");
        site.configure()?;
        site.start_gateway()?;
        front.refused_twice(site).await?;
        let new = site.path("new.pem");
        std::fs::write(&new, right)?;
        std::fs::rename(&new, site.path("ca.pem"))?;
        site.around.push(Box::new(front));
        site.play().await
    })
}

/// The broker's certificate has expired at first.
pub fn expired(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let front = super::tls::Front::start(site).await?;
        super::tls::until(
            site.folder.path(),
            "old",
            "IP:127.0.0.1",
            "20250101000000Z",
            "20250201000000Z",
        );
        front.show(site, "old")?;
        site.configure()?;
        site.start_gateway()?;
        front.refused_twice(site).await?;
        front.show(site, "server")?;
        site.around.push(Box::new(front));
        site.play().await
    })
}

/// The broker's certificate is another host's at first.
pub fn wrong_host(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let front = super::tls::Front::start(site).await?;
        super::tls::certificate(site.folder.path(), "elsewhere", "DNS:elsewhere.example");
        front.show(site, "elsewhere")?;
        site.configure()?;
        site.start_gateway()?;
        front.refused_twice(site).await?;
        front.show(site, "server")?;
        site.around.push(Box::new(front));
        site.play().await
    })
}

/// The gateway's own certificate is renewed under load, four times.
pub fn rotated(site: &mut Site) -> Played<'_> {
    Box::pin(async {
        let front = super::tls::Front::start(site).await?;
        let pairs = ["v0", "v1", "v2", "v3", "v4"];
        for pair in pairs {
            super::tls::certificate(site.folder.path(), pair, "DNS:gateway");
        }
        let replace = |site: &Site, pair: &str| -> anyhow::Result<()> {
            for kind in ["pem", "key"] {
                std::fs::copy(site.path(&format!("{pair}.{kind}")), site.path("new"))?;
                std::fs::rename(site.path("new"), site.path(&format!("own.{kind}")))?;
            }
            Ok(())
        };
        replace(site, "v0")?;
        site.scenario.mqtt +=
            "\nclient_certificate_file = \"own.pem\"\nclient_key_file = \"own.key\"";
        site.configure()?;
        site.start_gateway()?;
        for (turn, pair) in (1..).zip(pairs.into_iter().skip(1)) {
            site.ledger.reached(turn * EVENTS / 6).await?;
            replace(site, pair)?;
            let seen = || front.gateways() > usize::try_from(turn).unwrap_or(0);
            wait_until("the new certificate", SOON, seen).await?;
            site.faults += 1;
        }
        ensure!(site.ledger.count() < EVENTS, "not under load");
        site.ledger.reached(EVENTS).await?;
        let connections = site.script.connections();
        ensure!(connections == pairs.len(), "{connections} connections");
        site.around.push(Box::new(front));
        Ok(())
    })
}
