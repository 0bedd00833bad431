//! Active and battery-assisted tags: beacons, ageing, alarms.
