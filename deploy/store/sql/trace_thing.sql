select t.uri as thing, t.lot, c.uri as "in", e.biz_step as step, e.disposition,
    case when leaves_site(e.biz_step) then 'left the site' else 'on site' end as state,
    coalesce(e.biz_location, e.read_point) as place, w.at
from things t left join whereabouts($1) w on w.thing = t.id
left join events e on e.id = w.event left join things c on c.id = w.carrier
where t.id = any ($1)
