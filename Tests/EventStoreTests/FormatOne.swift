/// A small log as the first build of format 1 wrote it, as the sqlite3 shell dumps it.
/// Never made anew: that this build reads what that one wrote is the point.
let formatOne = #"""
    PRAGMA user_version=1;
    BEGIN TRANSACTION;
    CREATE TABLE log(
        id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, created INTEGER NOT NULL,
        tree BLOB NOT NULL, clean INTEGER NOT NULL, halted TEXT);
    INSERT INTO log VALUES(
        1,'orders',1769860800000000,
        X'0000000000000004c9948030abc0517cd4718409d1a5c861af64e7c32c087fd31e6c0d2ff5d80387',1,NULL);
    CREATE TABLE epochs(
        number INTEGER PRIMARY KEY, first INTEGER NOT NULL, opened INTEGER NOT NULL,
        why TEXT NOT NULL);
    INSERT INTO epochs VALUES(1,1,1769860800000000,'the log was created');
    INSERT INTO epochs VALUES(2,4,1769860801000000,'restored');
    CREATE TABLE streams(
        key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, version INTEGER NOT NULL);
    INSERT INTO streams VALUES(1,'order-a',3);
    INSERT INTO streams VALUES(2,'order-café',1);
    CREATE TABLE events(
        position INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, stream INTEGER NOT NULL,
        version INTEGER NOT NULL, type TEXT NOT NULL, schema INTEGER NOT NULL,
        recorded INTEGER NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL,
        leaf BLOB NOT NULL);
    INSERT INTO events VALUES(
        1,1,1,1,'order.noted',1,1769860800000000,'{"number":0}',
        '{"correlation":"c","actor":"system"}',
        X'c4a015ed579155564636febbf5e20987033b8d3c2e3c8b8d20311c1ae55e5398');
    INSERT INTO events VALUES(
        2,1,1,2,'order.noted',1,1769860800000000,'{"number":1}',
        '{"correlation":"c","actor":"system"}',
        X'105ecf740e3b9655dfad45162fe169ff545352c00563201ab34b6b1fceac520b');
    INSERT INTO events VALUES(
        3,1,2,1,'order.noted',1,1769860800000000,'{"number":2}',
        '{"correlation":"c","actor":"system"}',
        X'68c91810dbbb9d1dc5eb2096253edb4f8f8bcda7a618750c6749677d021e1cde');
    INSERT INTO events VALUES(
        4,2,1,3,'order.noted',1,1769860802000000,'{"number":3}',
        '{"correlation":"c","actor":"system"}',
        X'fbafbdb6a9d5cb3ff3db8295dec26474d9adf5e66d2963149127f445dd7f0c3a');
    CREATE TABLE ledger(
        day INTEGER NOT NULL, principal TEXT NOT NULL, key TEXT NOT NULL, body BLOB NOT NULL,
        stream TEXT NOT NULL, version INTEGER NOT NULL, position INTEGER NOT NULL,
        PRIMARY KEY (day, principal, key)) WITHOUT ROWID;
    CREATE TABLE checkpoints(
        source TEXT PRIMARY KEY, epoch INTEGER NOT NULL, position INTEGER NOT NULL,
        leaf BLOB NOT NULL, tree_size INTEGER NOT NULL, tree_root BLOB NOT NULL,
        as_of INTEGER NOT NULL, up_since INTEGER NOT NULL, read TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE timers(
        key TEXT PRIMARY KEY, due INTEGER NOT NULL, source TEXT, request INTEGER NOT NULL,
        within INTEGER NOT NULL, armed INTEGER NOT NULL, data TEXT NOT NULL);
    INSERT INTO timers VALUES('t',1769860800000000,NULL,0,0,0,'{}');
    CREATE TABLE effects(
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
        stream TEXT NOT NULL, data TEXT NOT NULL, metadata TEXT NOT NULL,
        attempts INTEGER NOT NULL, due INTEGER NOT NULL);
    CREATE TABLE parked(
        source TEXT NOT NULL, position INTEGER NOT NULL, key TEXT NOT NULL, reason TEXT NOT NULL,
        at INTEGER NOT NULL, subject TEXT NOT NULL, id TEXT NOT NULL, headers BLOB NOT NULL,
        payload BLOB NOT NULL, PRIMARY KEY (source, position)) WITHOUT ROWID;
    CREATE TABLE in_hand(
        source TEXT PRIMARY KEY, epoch INTEGER NOT NULL, position INTEGER NOT NULL,
        deaths INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE snapshots(
        name TEXT PRIMARY KEY, fold INTEGER NOT NULL, position INTEGER NOT NULL,
        data TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE outbox(
        id INTEGER PRIMARY KEY CHECK (id = 1), epoch INTEGER NOT NULL,
        position INTEGER NOT NULL);
    INSERT INTO outbox VALUES(1,1,2);
    CREATE TABLE keys(owner TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
    CREATE UNIQUE INDEX events_by_stream ON events(stream, version);
    CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN
        SELECT raise(ABORT, 'the log is append-only: events are never changed'); END;
    CREATE TRIGGER events_remain BEFORE DELETE ON events BEGIN
        SELECT raise(ABORT, 'the log is append-only: events are never deleted'); END;
    CREATE INDEX timers_by_due ON timers(source, due);
    CREATE INDEX effects_by_due ON effects(due);
    CREATE INDEX parked_by_key ON parked(source, key);
    COMMIT;
    """#
