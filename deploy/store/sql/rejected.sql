-- What is kept aside; the payload as text as far as it is one.
select id, topic, reason, times, first_at, last_at, properties,
    left(encode(payload, 'escape'), 200) as payload
from rejected order by last_at desc limit 1000
