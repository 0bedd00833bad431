-- How what went in came to the site.
select e.event_time as at, t.uri as thing, x.quantity, x.uom, e.read_point as place,
    (select array_agg(p.party order by p.party) from event_parties p where p.event = e.id and p.direction = 'source') as sources,
    (select array_agg(d.document order by d.document) from event_documents d where d.event = e.id) as documents,
    e.operator as confirmed_by
from (select distinct thing from ingredients($1) where thing is not null) f
join things t on t.id = f.thing
join event_things x on x.thing = t.id and x.role in ('epc', 'parent', 'child', 'counted')
join events e on e.id = x.event
where e.biz_step in ('arriving', 'unloading', 'receiving', 'accepting')
order by e.event_time, e.id, t.uri
