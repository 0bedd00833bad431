-- A buffer of format 1, as tracegate wrote it before dead letters: a snapshot (batch 1), two journal rows, events 2 to 4 waiting.
PRAGMA page_size=4096;
PRAGMA auto_vacuum=INCREMENTAL;
PRAGMA journal_mode=WAL;
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE journal(seq INTEGER PRIMARY KEY AUTOINCREMENT, crc32 INTEGER NOT NULL, inputs BLOB NOT NULL) STRICT;
CREATE TABLE snapshot(id INTEGER PRIMARY KEY CHECK (id = 1), journal_seq INTEGER NOT NULL, version INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, state BLOB NOT NULL) STRICT;
CREATE TABLE outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE, read_point TEXT NOT NULL,
  occurred_us INTEGER NOT NULL, recorded_us INTEGER NOT NULL, crc32 INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;
INSERT INTO meta VALUES('epoch', '08398793-a6f2-4fdd-bbe8-1bf21b076d74');
INSERT INTO journal VALUES(2, 3057774490, x'010528');
INSERT INTO journal VALUES(3, 2895854567, x'01053c');
INSERT INTO snapshot VALUES(1, 1, 1, 1231910821, x'035554430000000000140000');
INSERT INTO outbox VALUES(2, 'ni:///sha-256;6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b?ver=CBV2.0', 'dock_1', 1, 10, 2004267682, '{"n":1}');
INSERT INTO outbox VALUES(3, 'ni:///sha-256;d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35?ver=CBV2.0', 'dock_1', 2, 20, 3568257563, '{"n":2}');
INSERT INTO outbox VALUES(4, 'ni:///sha-256;4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce?ver=CBV2.0', 'dock_1', 3, 20, 811053897, '{"n":3}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('journal', 3);
INSERT INTO sqlite_sequence VALUES('outbox', 4);
PRAGMA user_version=1;
PRAGMA application_id=1414678356;
