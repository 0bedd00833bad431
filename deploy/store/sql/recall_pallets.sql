-- What carries or carried it.
with chosen as materialized (
    select distinct a.thing from unnest($2, $5) a (thing, through) where a.through = 'carried'
), items as materialized (
    select c.parent as thing, count(distinct c.thing) as items
    from event_things c where c.thing = any ($2) and c.role = 'child' and c.parent is not null
    group by c.parent
)
select t.uri as pallet, items.items, c.uri as "in",
    case when leaves_site(e.biz_step) then 'left the site' else 'on site' end as state,
    e.biz_step as step, coalesce(e.biz_location, e.read_point) as place, w.at
from chosen join things t on t.id = chosen.thing
left join items on items.thing = t.id
left join whereabouts((select array_agg(thing) from chosen)) w on w.thing = t.id
left join events e on e.id = w.event
left join things c on c.id = w.carrier
order by t.uri
