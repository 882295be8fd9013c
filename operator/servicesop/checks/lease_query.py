"""The query of the check `leader` for a table of leases: names are quoted, values bound. Pure."""

from psycopg.sql import SQL, Identifier

from servicesop.api.checks.leader import LeaseTable


def holders_per_worker(lease: LeaseTable) -> str:
    """Write the query. Rows of other workers (of older versions, say) never come into it.

    Its parameter is the list of the workers. Gives worker, number of holders, and one of them.
    """
    columns = lease.columns
    names = {
        "worker": Identifier(columns.worker),
        "holder": Identifier(columns.holder),
        "expires": Identifier(columns.expires),
        "table": Identifier(*lease.table.split(".")),
    }
    text = (
        "SELECT {worker}::text, count(DISTINCT {holder}::text)::int,"
        " left(min({holder}::text), 253) FROM {table}"
        " WHERE {worker}::text = ANY($1::text[]) AND {holder}::text <> '' AND {expires} > now()"
    )
    if columns.deleted is not None:
        text += " AND {deleted} IS NULL"
        names["deleted"] = Identifier(columns.deleted)
    return SQL(text + " GROUP BY 1").format(**names).as_string()
