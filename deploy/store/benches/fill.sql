-- Fills an empty store with :orders orders, 920 events each: 3 issues, 300 serial numbers with 3 events each (made, and two
-- steps of work), 8 pallets that are packed and leave, a receipt of a lot. Each lot goes into 16 orders.
\set lots '(:orders * 3 / 16 + 1)'

-- Indexes are made at the end: that takes a fraction of the time.
create temporary table later as
    select indexname, indexdef from pg_indexes i
    where schemaname = 'public' and tablename in ('events', 'event_things', 'event_documents', 'event_parties', 'things')
        and not exists (select from pg_constraint c where c.conname = i.indexname);
select format('drop index %I', indexname) from later \gexec
alter table events drop constraint events_event_id_key;
alter table things drop constraint things_uri_key;
set session_replication_role = replica;
set synchronous_commit = off;
set maintenance_work_mem = '512MB';

create function gtin_in() returns text language sql immutable as $$ select 'https://id.gs1.org/01/04012345123456' $$;
create function gtin_out() returns text language sql immutable as $$ select 'https://id.gs1.org/01/09506000134352' $$;
create function moment(o bigint, s bigint) returns timestamptz language sql immutable as
    $$ select timestamptz '2024-01-01 00:00:00+00' + o * interval '100 seconds' + s * interval '10 seconds' $$;

-- Things: lots, then serial numbers, then pallets.
insert into things (id, uri, level, class, lot) overriding system value
    select 1 + l, gtin_in() || '/10/L' || l, 'lot', gtin_in(), 'L' || l from generate_series(0, :lots - 1) l;
insert into things (id, uri, level, class, lot, serial, last_event, last_at, container, contained_at) overriding system value
    select 100000 + o * 300 + s, gtin_out() || '/21/S' || o || '-' || s, 'instance', gtin_out(), 'P' || o, 'S' || o || '-' || s,
        1 + o * 920 + 903 + s / 40 * 2, moment(o, 400 + s / 40), 100000 + :orders::bigint * 300 + o * 8 + s / 40, moment(o, 400 + s / 40)
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 299) s;
insert into things (id, uri, level, serial, last_event, last_at) overriding system value
    select 100000 + :orders::bigint * 300 + o * 8 + p, 'https://id.gs1.org/00/' || lpad((o * 8 + p)::text, 18, '0'), 'logistic_unit',
        lpad((o * 8 + p)::text, 18, '0'), 1 + o * 920 + 904 + p * 2, moment(o, 500 + p)
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 7) p;

insert into events (id, event_id, type, action, event_time, zone_minutes, site, biz_step, disposition, read_point, operator, epoch, seq, body)
    overriding system value
    select 1 + o * 920 + k, 'ni:///sha-256;' || encode(sha256((o * 920 + k)::text::bytea), 'hex') || '?ver=CBV2.0',
        case when k >= 903 and k < 919 and k % 2 = 1 then 'AggregationEvent' else 'ObjectEvent' end,
        case when k < 3 or k = 919 then 'OBSERVE' when k < 903 and k % 3 = 0 then 'ADD' when k < 903 then 'OBSERVE' when k % 2 = 1 then 'ADD' else 'OBSERVE' end,
        moment(o, case when k < 3 then k when k < 903 then 10 + k / 3 when k < 919 then 400 + 100 * ((k + 1) % 2) + (k - 903) / 2 else -500 end),
        60, 'plant-3', step, 'in_progress', 'urn:epc:id:sgln:4012345.00001.' || step,
        case when k < 3 then 'badge-' || o % 40 end, null, null,
        format('{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"gw":"tracegate:event/"}],"type":"ObjectEvent","eventID":"%s","eventTime":"%s","eventTimeZoneOffset":"+01:00","bizStep":"%s","disposition":"in_progress","readPoint":{"id":"urn:epc:id:sgln:4012345.00001.%s"},"epcList":["%s/21/S%s-%s"]}',
            encode(sha256((o * 920 + k)::text::bytea), 'hex'), moment(o, k), step, step, gtin_out(), o, k)::json
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 919) k,
        lateral (select case when k < 3 then 'picking' when k = 919 then 'receiving' when k < 903 and k % 3 = 0 then 'commissioning'
            when k < 903 and k % 3 = 1 then 'assembling' when k < 903 then 'inspecting' when k % 2 = 1 then 'packing' else 'shipping' end as step) x;

-- Lots: received, issued.
insert into event_things (event, thing, role, at, quantity, uom)
    select 1 + o * 920 + 919, 1 + o % :lots, 'epc', moment(o, -500), 1000, 'KGM' from generate_series(0, :orders::bigint - 1) o where o < :lots;
insert into event_things (event, thing, role, at, quantity, uom)
    select 1 + o * 920 + k, 1 + (o / 16 * 3 + k) % :lots, 'input', moment(o, k), 20, 'KGM'
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 2) k;
-- Serial numbers: made, worked on, packed.
insert into event_things (event, thing, role, at)
    select 1 + o * 920 + 3 + s * 3 + j, 100000 + o * 300 + s, case when j = 0 then 'output' else 'epc' end::thing_role, moment(o, 10 + (3 + s * 3 + j) / 3)
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 299) s, generate_series(0, 2) j;
insert into event_things (event, thing, role, at, parent)
    select 1 + o * 920 + 903 + s / 40 * 2, 100000 + o * 300 + s, 'child', moment(o, 400 + s / 40), 100000 + :orders::bigint * 300 + o * 8 + s / 40
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 299) s;
-- Pallets: packed, left.
insert into event_things (event, thing, role, at)
    select 1 + o * 920 + 903 + p * 2 + j, 100000 + :orders::bigint * 300 + o * 8 + p, case when j = 0 then 'parent' else 'epc' end::thing_role,
        moment(o, 400 + 100 * j + p)
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 7) p, generate_series(0, 1) j;
insert into event_documents (event, type, document)
    select 1 + o * 920 + k, 'prodorder', 'https://erp.example/order/' || o
    from generate_series(0, :orders::bigint - 1) o, lateral (
        select generate_series(0, 2) as k union all select 3 + s * 3 from generate_series(0, 299) s) x;
insert into event_parties (event, direction, type, party)
    select 1 + o * 920 + 904 + p * 2, 'destination', 'owning_party', 'urn:epc:id:pgln:0614141.0' || lpad((o % 900)::text, 4, '0')
    from generate_series(0, :orders::bigint - 1) o, generate_series(0, 7) p;

alter table events add constraint events_event_id_key unique (event_id);
alter table things add constraint things_uri_key unique (uri);
select indexdef from later \gexec
update things t set (last_event, last_at) = (select x.event, x.at from event_things x where x.thing = t.id order by x.at desc limit 1) where level = 'lot';
analyze;
