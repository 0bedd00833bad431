-- Sequence numbers that did not come.
select site, epoch, from_seq, to_seq, kind, noticed_at from gaps order by site, epoch, from_seq
