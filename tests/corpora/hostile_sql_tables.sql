CREATE TABLE orders (id text PRIMARY KEY, status text, note text);
INSERT INTO orders VALUES ('o-1', 'accepted', ''), ('o-2', 'done', '');
CREATE TABLE orders_copy AS SELECT id || '-copy' AS id, status, note FROM orders;
CREATE TABLE jobs (id int);
INSERT INTO jobs VALUES (1), (2);
CREATE VIEW orders_view AS SELECT * FROM orders;
CREATE SEQUENCE numbers;
SELECT lo_from_bytea(4711, 'content');
CREATE FUNCTION bump() RETURNS int SECURITY DEFINER LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO jobs VALUES (7); RETURN 1; END $$;
CREATE VIEW bumping_view AS SELECT bump() AS one FROM orders;
CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN PERFORM set_config('transaction_read_only', 'off', true); RETURN bump(); END $$;
CREATE FUNCTION sneak_session() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; RETURN bump(); END $$;
CREATE FUNCTION run(statement text) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN EXECUTE statement; RETURN 1; END $$;
CREATE FUNCTION caught(statement text) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN EXECUTE statement; RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 0; END $$;
CREATE FUNCTION forever() RETURNS int LANGUAGE plpgsql AS $$ BEGIN LOOP END LOOP; END $$;
CREATE FUNCTION stubborn() RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
        LOOP
            BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
        END LOOP;
    END $$;
CREATE FUNCTION unlimited() RETURNS int LANGUAGE plpgsql SET statement_timeout = 0 AS $$
    BEGIN RETURN 1; END $$;
CREATE PROCEDURE clean() LANGUAGE plpgsql AS $$ BEGIN DELETE FROM orders; END $$;
CREATE PROCEDURE clean_and_commit() LANGUAGE plpgsql AS $$
    BEGIN COMMIT; DELETE FROM orders; COMMIT; END $$;
