-- A buffer of format 3, as tracegate wrote it before there were streams: events 1 and 2 kept, 3 a dead letter, 4 lost, 5 to 7 waiting.
PRAGMA page_size=4096;
PRAGMA auto_vacuum=INCREMENTAL;
PRAGMA journal_mode=WAL;
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE journal(seq INTEGER PRIMARY KEY AUTOINCREMENT, crc32 INTEGER NOT NULL, inputs BLOB NOT NULL) STRICT;
CREATE TABLE snapshot(id INTEGER PRIMARY KEY CHECK (id = 1), journal_seq INTEGER NOT NULL, version INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, read_point TEXT NOT NULL,
  occurred_us INTEGER NOT NULL, recorded_us INTEGER NOT NULL, crc32 INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;
CREATE TABLE dead_letter(id INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL, seq INTEGER NOT NULL, event_id ANY,
  read_point ANY, occurred_us ANY, recorded_us ANY, crc32 ANY, payload ANY, reason TEXT NOT NULL, at_us INTEGER NOT NULL,
  attempts INTEGER NOT NULL) STRICT;
CREATE TABLE dropped(id INTEGER PRIMARY KEY AUTOINCREMENT, epoch TEXT NOT NULL, from_seq INTEGER NOT NULL,
  to_seq INTEGER NOT NULL, count INTEGER NOT NULL, reason TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT;
INSERT INTO meta VALUES('epoch', '5d1c7b60-3d1f-4c8e-9a55-0c8d9b6b2f01');
INSERT INTO meta VALUES('sent', '3 d46f31dd');
INSERT INTO outbox VALUES(1, 'ni:///sha-256;5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9?ver=CBV2.0', 'dock_1', 0, 10, 3250169649, '{"n":0}');
INSERT INTO outbox VALUES(2, 'ni:///sha-256;6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b?ver=CBV2.0', 'dock_1', 1, 20, 2004267682, '{"n":1}');
INSERT INTO outbox VALUES(5, 'ni:///sha-256;4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a?ver=CBV2.0', 'dock_1', 4, 50, 3568911826, '{"n":4}');
INSERT INTO outbox VALUES(6, 'ni:///sha-256;ef2d127de37b942baad06145e54b0c619a1f22327b2ebbcfbec78f5564afe39d?ver=CBV2.0', 'dock_1', 5, 60, 3264670535, '{"n":5}');
INSERT INTO outbox VALUES(7, 'ni:///sha-256;e7f6c011776e8db7cd330b54174fd76f7d0216b612387a5ffcfb81e6f0919683?ver=CBV2.0', 'dock_1', 6, 70, 355675243, '{"n":6}');
INSERT INTO dead_letter VALUES(1, '5d1c7b60-3d1f-4c8e-9a55-0c8d9b6b2f01', 3, 'ni:///sha-256;d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35?ver=CBV2.0', 'dock_1', 2, 30, 3568257563, '{"n":2}', 'not authorized', 99, 30);
INSERT INTO dropped VALUES(1, '5d1c7b60-3d1f-4c8e-9a55-0c8d9b6b2f01', 4, 4, 1, 'damaged file', 99);
PRAGMA application_id=1414678356;
PRAGMA user_version=3;
