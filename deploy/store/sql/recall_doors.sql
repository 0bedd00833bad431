-- Where what carries it passed, and all that left the site.
with given (thing, since, until, through) as materialized (
    select a.thing, timestamptz 'epoch' + a.since * interval '1 microsecond',
        timestamptz 'epoch' + a.until * interval '1 microsecond', a.through
    from unnest($2, $3, $4, $5) a (thing, since, until, through)
), passed as materialized (
    select x.event, x.thing, g.through
    from given g join event_things x on x.thing = g.thing and x.at between g.since and g.until
    where x.role in ('epc', 'parent', 'child')
)
select e.event_time as at, e.biz_step as step, leaves_site(e.biz_step) as leaves, e.read_point as place,
    count(distinct p.thing) as things,
    array_agg(distinct t.uri) filter (where t.level = 'logistic_unit') as pallets,
    (select array_agg(y.party order by y.party) from event_parties y where y.event = e.id and y.direction = 'destination') as destinations,
    (select array_agg(d.document order by d.document) from event_documents d where d.event = e.id) as documents
from passed p join events e on e.id = p.event join things t on t.id = p.thing
where p.through = 'carried' or leaves_site(e.biz_step)
group by e.id
order by e.event_time, e.id
