-- One provider's declaration, new or changed.
INSERT INTO ledger.provider (provider, title, seller, service, account_type, part_type, host)
VALUES (%(provider)s, %(title)s, %(seller)s, %(service)s, %(account_type)s, %(part_type)s, %(host)s)
ON CONFLICT (provider) DO UPDATE
SET title = excluded.title, seller = excluded.seller, service = excluded.service,
    account_type = excluded.account_type, part_type = excluded.part_type, host = excluded.host
