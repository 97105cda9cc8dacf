-- The lab's authority and the certificates that it issued. Keys are sealed (AES-256-GCM) with the key file of the
-- process: this database alone opens none of them.

create schema if not exists proxy;

-- One row at the most. Its key is opened only to make an intermediate.
create table proxy.root_authority (
    singleton       boolean     primary key default true check (singleton),
    certificate_pem text        not null,
    sealed_key      bytea       not null,
    created_at      timestamptz not null default now()
);

-- The newest one issues; what earlier ones have issued stays valid.
create table proxy.intermediate_authority (
    number          bigint      generated always as identity primary key,
    certificate_pem text        not null,
    sealed_key      bytea       not null,
    created_at      timestamptz not null default now()
);

-- The certificate of each Certificate resource, by its name.
create table proxy.certificate (
    name        text        primary key,
    names       text[]      not null,
    fingerprint text        not null,
    chain_pem   text        not null,
    sealed_key  bytea       not null,
    not_before  timestamptz not null,
    not_after   timestamptz not null,
    renew_at    timestamptz not null
);
