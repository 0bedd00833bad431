-- What Tracegate's events say, in tables that a recall can search. Everything here is derived from events.body except
-- rejected, non_events and the bookkeeping of epochs.

-- One row for each thing that any event names: a serial number, a pallet, a lot, a class of goods, an asset.
create table things (
    id bigint generated always as identity primary key,
    -- Its one name: a GS1 Digital Link without lot or attributes beside a serial number, or another URI.
    uri text not null unique,
    level text not null check (level in ('instance', 'logistic_unit', 'lot', 'class', 'place')),
    -- The class of goods, https://id.gs1.org/01/GTIN, of an instance or a lot.
    class text,
    -- The lot's number: of a lot, or of an instance as far as an event told it.
    lot text,
    serial text,
    -- The newest event that moved it, and when that was.
    last_event bigint,
    last_at timestamptz,
    -- What it is in or on, and since when.
    container bigint,
    contained_at timestamptz
);
create index things_of_lot on things (class, lot) where lot is not null;
create index things_by_serial on things (serial) where serial is not null;
create index things_in_container on things (container) where container is not null;

-- One row for each buffer of a gateway whose messages came: sequence numbers count within it.
create table epochs (
    id int generated always as identity primary key,
    epoch text not null unique,
    site text not null,
    -- Everything up to here is committed, with acknowledge = "store".
    mark bigint not null default 0,
    -- Sequence numbers that came.
    seen int8multirange not null default '{}'
);

-- Messages above the mark: one that needs everything up to previous, and brings everything up to seq.
create table links (
    epoch int not null references epochs,
    previous bigint not null,
    seq bigint not null,
    primary key (epoch, previous, seq)
);

-- Telemetry that a gateway dropped for want of room, as it told.
create table dropped (
    epoch int not null references epochs,
    from_seq bigint not null,
    to_seq bigint not null,
    count bigint not null,
    reason text not null,
    primary key (epoch, from_seq)
);

create table events (
    id bigint generated always as identity primary key,
    -- The eventID: for Tracegate's events their EPCIS hash. It makes repeats harmless.
    event_id text not null unique,
    type text not null,
    action text,
    event_time timestamptz not null,
    zone_minutes smallint not null,
    site text not null,
    biz_step text,
    disposition text,
    read_point text,
    biz_location text,
    -- Who: the badge that confirmed it.
    operator text,
    -- What a guard said (accept, warn, refuse), or what became of it (refused, cancelled …). What was refused moves nothing.
    verdict text,
    -- Where in the gateway's sequence it came.
    epoch int,
    seq bigint,
    -- An errorDeclaration (EPCIS 2.0 §7.4.1.3) took it back: it stays here, and its rows below are gone.
    wrong_since timestamptz,
    stored_at timestamptz not null default now(),
    body json not null
);
create index events_by_seq on events (epoch, seq) where seq is not null;
create index events_by_time on events (event_time);
create index events_by_place on events (read_point, event_time);

create type thing_role as enum (
    'epc',       -- observed, or told of
    'parent',    -- of an aggregation or association
    'child',     -- of one; parent is null when it was taken out
    'emptied',   -- a parent from which everything was taken
    'input',     -- went into an order or a transformation
    'output',    -- came out of one
    'counted',   -- gw:quantities: it repeats by class and lot what stands there one by one
    'mentioned'  -- of a refusal or the like: nothing happened to it
);

create table event_things (
    event bigint not null references events on delete cascade,
    thing bigint not null references things,
    role thing_role not null,
    at timestamptz not null,
    parent bigint references things,
    quantity numeric,
    -- Unit of measure (UN/ECE recommendation 20); none: pieces.
    uom text
);
create index event_things_of_event on event_things (event);
create index event_things_of_thing on event_things (thing, at);
create index event_things_inputs on event_things (thing) where role = 'input';
create index event_things_outputs on event_things (thing) where role = 'output';
create index event_things_children on event_things (thing, at) where role = 'child';
create index event_things_emptied on event_things (thing, at) where role = 'emptied';

-- Business transactions: orders, delivery notes. A transformationID is one of type 'transformation'.
create table event_documents (
    event bigint not null references events on delete cascade,
    type text not null,
    document text not null
);
create index event_documents_of_event on event_documents (event);
create index event_documents_by_name on event_documents (document);

-- Sources and destinations.
create table event_parties (
    event bigint not null references events on delete cascade,
    direction text not null check (direction in ('source', 'destination')),
    type text not null,
    party text not null
);
create index event_parties_of_event on event_parties (event);
create index event_parties_by_name on event_parties (party);

-- Loads that were seen and not booked.
create table non_events (
    id text primary key,
    site text not null,
    read_point text,
    reason text,
    stored_at timestamptz not null default now(),
    body json not null
);

-- What is no valid event, with the reason and every byte of it. The same again only counts.
create table rejected (
    id bigint generated always as identity primary key,
    digest bytea not null unique,
    topic text not null,
    content_type text,
    properties text not null,
    reason text not null,
    payload bytea not null,
    times bigint not null default 1,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now()
);
