-- Its own events, and those of what carried it while it did.
select e.event_time as at, e.biz_step as step, e.disposition, x.role, nullif(t.id, $1[1]) is not null as carried, t.uri as thing,
    e.read_point as place, e.operator as confirmed_by,
    (select array_agg(d.document order by d.document) from event_documents d where d.event = e.id) as documents,
    (select array_agg(p.party order by p.party) from event_parties p where p.event = e.id and p.direction = 'destination') as destinations
from (select distinct thing, since, until from affected($1) where through in ('asked for', 'carried')) f
join event_things x on x.thing = f.thing and x.at between f.since and f.until
join things t on t.id = f.thing join events e on e.id = x.event
-- One row an event: its own before that of its carrier.
where not exists (
    select from event_things o where t.id <> $1[1] and o.event = x.event and o.thing = $1[1]
)
group by e.id, t.id, x.role
order by e.event_time, e.id, carried
