-- The two directions of a recall. Both over-approximate where events leave it open: an order's inputs are in all of its
-- outputs.

-- What is made of these things, or carries them: rows with a thing, and rows with the order that leads to others. A
-- carrier counts from since to until.
create function affected(start bigint[])
returns table (thing bigint, since timestamptz, until timestamptz, through text, document text)
language sql stable as $$
    with recursive found (thing, since, until, through, document) as (
        select s, '-infinity'::timestamptz, 'infinity'::timestamptz, 'asked for', null::text from unnest(start) s
        union
        select n.thing, n.since, n.until, n.through, n.document
        from found f cross join lateral (
            -- Into which orders it went.
            select null::bigint as thing, '-infinity'::timestamptz as since, 'infinity'::timestamptz as until,
                'order' as through, d.document
            from event_things i join event_documents d on d.event = i.event and d.type in ('prodorder', 'transformation')
            where i.thing = f.thing and i.role = 'input' and i.at between f.since and f.until
            union all
            -- What came out of the order.
            select o.thing, '-infinity', 'infinity', 'made', null
            from event_documents d join event_things o on o.event = d.event and o.role = 'output'
            where d.document = f.document and d.type in ('prodorder', 'transformation')
            union all
            -- The serial numbers of a lot.
            select m.id, '-infinity', 'infinity', 'of the lot', null
            from things l join things m on m.class = l.class and m.lot = l.lot and m.level = 'instance'
            where l.id = f.thing and l.level = 'lot'
            union all
            -- What carried it while it did.
            select c.parent, greatest(c.at, f.since), least(c.until, f.until), 'carried', null
            from (
                select u.parent, u.at, least(
                    case when own.level <> 'lot' then (
                        select min(n.at) from event_things n
                        where n.thing = u.thing and n.role = 'child' and n.at > u.at and n.parent is distinct from u.parent
                    ) end,
                    (select min(e.at) from event_things e where e.thing = u.parent and e.role = 'emptied' and e.at >= u.at),
                    'infinity'
                ) as until
                from event_things u join things own on own.id = u.thing
                where u.thing = f.thing and u.role = 'child' and u.parent is not null
                -- Or the times above would be looked up twice.
                offset 0
            ) c
            where c.at <= f.until and c.until >= f.since
        ) n
    )
    select * from found
$$;

-- What went into this thing: rows with a thing, and rows with the order that it came out of.
create function ingredients(start bigint[])
returns table (thing bigint, until timestamptz, document text) language sql stable as $$
    with recursive found (thing, until, document) as (
        select s, 'infinity'::timestamptz, null::text from unnest(start) s
        union
        select n.thing, n.until, n.document
        from found f cross join lateral (
            -- The orders that it came out of.
            select null::bigint as thing, 'infinity'::timestamptz as until, d.document
            from event_things o join event_documents d on d.event = o.event and d.type in ('prodorder', 'transformation')
            where o.thing = f.thing and o.role = 'output'
            union all
            -- What went into the order.
            select i.thing, i.at, null
            from event_documents d join event_things i on i.event = d.event and i.role = 'input'
            where d.document = f.document and d.type in ('prodorder', 'transformation')
            union all
            -- The lot of a serial number.
            select l.id, f.until, null
            from things s join things l on l.class = s.class and l.lot = s.lot and l.level = 'lot'
            where s.id = f.thing and s.level = 'instance'
            union all
            -- What was on a pallet that went into the order.
            select c.thing, f.until, null
            from things p join event_things u on u.thing = p.id and u.role = 'parent' and u.at <= f.until
            join event_things c on c.event = u.event and c.parent = p.id
            where p.id = f.thing and p.level = 'logistic_unit' and f.until < 'infinity'
        ) n
    )
    select * from found
$$;
