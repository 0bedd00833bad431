-- What was made of it, and where that is.
with chosen as materialized (
    select distinct a.thing from unnest($2, $5) a (thing, through) join things t on t.id = a.thing
    where a.through in ('made', 'of the lot') or (a.through = 'asked for' and t.level = 'instance')
), places as materialized (
    select * from whereabouts((select array_agg(thing) from chosen))
)
select t.uri as thing, t.lot, made.document as "order", made.at as made, c.uri as "in",
    case when exists (
        select from event_things i where i.thing = t.id and i.role = 'input' and i.event = w.event
    ) then 'went into an order' when leaves_site(e.biz_step) then 'left the site' else 'on site' end as state,
    e.biz_step as step, coalesce(e.biz_location, e.read_point) as place, w.at
from chosen join things t on t.id = chosen.thing
left join lateral (
    select x.at, d.document from event_things x
    left join event_documents d on d.event = x.event and d.type in ('prodorder', 'transformation')
    where x.thing = t.id and x.role = 'output' order by x.at, d.document limit 1
) made on true
left join places w on w.thing = t.id
left join events e on e.id = w.event
left join things c on c.id = w.carrier
order by t.uri
