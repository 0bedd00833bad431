-- Bookkeeping that must be the same whichever instance of the store does it.

-- Called last in the transaction that stored messages of this epoch; takes its row, so that of several instances one after
-- the other computes the mark, each seeing what those before committed. Returns the mark.
create function advance(epoch_row int, came int8multirange) returns bigint language plpgsql as $$
declare
    reached bigint;
    link record;
begin
    select mark into reached from epochs where id = epoch_row for update;
    for link in select previous, seq from links where epoch = epoch_row order by previous, seq loop
        exit when link.previous > reached;
        reached := greatest(reached, link.seq);
    end loop;
    delete from links where epoch = epoch_row and seq <= reached;
    update epochs set mark = reached, seen = seen + came where id = epoch_row;
    return reached;
end
$$;

-- Computes anew where these things are: after events of theirs came, in whatever order, or were taken back.
create function locate(touched bigint[]) returns void language sql as $$
    update things t set (last_event, last_at) = (
        select x.event, x.at from event_things x
        where x.thing = t.id and x.role not in ('counted', 'mentioned')
        order by x.at desc, x.event desc limit 1
    ), (container, contained_at) = (
        select x.parent, x.at from (
            select c.parent, c.at, c.event from event_things c where c.thing = t.id and c.role = 'child'
            order by c.at desc, c.event desc limit 1
        ) x
        where x.parent is not null and t.level <> 'lot'
          and not exists (select from event_things e where e.thing = x.parent and e.role = 'emptied' and e.at >= x.at)
    )
    where t.id = any (touched) and t.level <> 'class'
$$;

-- Business steps after which a thing is no longer on the site. Replace the function to have others.
create function leaves_site(biz_step text) returns boolean language sql immutable as $$
    select coalesce(biz_step in ('shipping', 'departing', 'destroying', 'decommissioning'), false)
$$;

-- Sequence numbers that did not come.
create view gaps as
select e.epoch, e.site, lower(gap) as from_seq, upper(gap) - 1 as to_seq,
    case
        when told.reason is not null then 'telemetry dropped: ' || told.reason
        when lower(gap) = 1 then 'before the first that came'
        else 'missing'
    end as kind,
    (select min(n.stored_at) from events n where n.epoch = e.id and n.seq = upper(gap)) as noticed_at
from epochs e
cross join lateral unnest(int8multirange(int8range(1, upper(e.seen))) - e.seen) gap
left join lateral (
    select d.reason from dropped d
    where d.epoch = e.id and int8range(d.from_seq, d.to_seq, '[]') @> gap
      and d.count >= (
          select coalesce(sum(upper(m) - lower(m)), 0)
          from unnest(int8multirange(int8range(d.from_seq, d.to_seq, '[]')) - e.seen) m
      )
    limit 1
) told on true;

-- Where things are: the newest event of a thing, or of what it is in.
create function whereabouts(wanted bigint[])
returns table (thing bigint, carrier bigint, event bigint, at timestamptz) language sql stable as $$
    with recursive chain (thing, node, since, depth) as (
        select w, w, '-infinity'::timestamptz, 0 from unnest(wanted) w
        union all
        select c.thing, t.container, t.contained_at, c.depth + 1
        from chain c join things t on t.id = c.node
        where t.container is not null and c.depth < 8
    )
    select distinct on (c.thing) c.thing, nullif(c.node, c.thing), t.last_event, t.last_at
    from chain c join things t on t.id = c.node
    where t.last_event is not null and t.last_at >= c.since
    order by c.thing, t.last_at desc, c.depth desc
$$;
