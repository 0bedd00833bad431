-- Each issue of something affected to an order.
with issues as materialized (
    select d.document, x.event, x.thing, x.quantity, x.uom
    from event_things x
    join event_documents d on d.event = x.event and d.type in ('prodorder', 'transformation')
    where x.thing = any ($2) and x.role = 'input'
), outputs as (
    select n.document, (
        select count(distinct o.thing) from event_documents d join event_things o on o.event = d.event and o.role = 'output'
        where d.document = n.document and d.type in ('prodorder', 'transformation')
    ) as outputs
    from (select distinct document from issues) n
)
select i.document as "order", e.event_time as at, t.uri as thing, i.quantity, i.uom, e.operator as confirmed_by, e.verdict,
    e.read_point as place, o.outputs
from (select distinct * from issues) i
join outputs o using (document) join events e on e.id = i.event join things t on t.id = i.thing
where i.document = any ($6)
order by e.event_time, e.id
