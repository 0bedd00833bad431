-- Everything that went into the orders it came out of, and who confirmed it.
select d.document as "order", e.event_time as at, t.uri as thing, t.lot, x.quantity, x.uom, e.operator as confirmed_by, e.verdict,
    e.read_point as place
from (select distinct document from ingredients($1) where document is not null) f
join event_documents d on d.document = f.document and d.type in ('prodorder', 'transformation')
join event_things x on x.event = d.event and x.role = 'input'
join events e on e.id = x.event join things t on t.id = x.thing
group by d.document, e.id, t.id, x.quantity, x.uom
order by e.event_time, e.id, t.uri
