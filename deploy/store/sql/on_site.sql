-- Everything that has not left: by its own newest event, or that of what it is in. $1 a class of goods, $2 a place.
select t.uri as thing, t.lot, c.uri as "in", e.biz_step as step, e.disposition,
    coalesce(e.biz_location, e.read_point) as place, w.at
from whereabouts((
    select array_agg(k.id) from things k
    where k.last_event is not null and k.level in ('instance', 'logistic_unit', 'lot') and ($1 is null or k.class = $1)
)) w
join things t on t.id = w.thing join events e on e.id = w.event
left join things c on c.id = w.carrier
where not leaves_site(e.biz_step)
    and ($2 is null or coalesce(e.biz_location, e.read_point) = $2)
    and (t.level = 'lot' or not exists (
        select from event_things i where i.thing = t.id and i.role = 'input' and i.event = w.event
    ))
order by place, t.uri
