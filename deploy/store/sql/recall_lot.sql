-- What became of the lot itself.
select e.event_time as at, e.biz_step as step, e.disposition, x.quantity, x.uom, e.read_point as place,
    (select array_agg(d.document order by d.document) from event_documents d where d.event = e.id) as documents,
    (select array_agg(p.party order by p.party) from event_parties p where p.event = e.id and p.direction = 'source') as sources,
    e.operator as confirmed_by, e.verdict
from event_things x join events e on e.id = x.event join things t on t.id = x.thing
where x.thing = any ($1) and t.level = 'lot'
order by e.event_time, e.id
