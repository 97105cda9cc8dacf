-- What was run of each app in containers. A release never changes but for how it stands.

create schema if not exists provisioner;

create table provisioner.release (
    app         text        not null,
    number      integer     not null check (number > 0),
    -- Of the Compose file and what lies beside it, as declared: an equal declaration is the same release.
    source_hash text        not null,
    -- The Compose file as somebody wrote it, and what lay beside it.
    compose     text        not null,
    files       jsonb       not null default '{}'::jsonb,
    -- The rendered Compose file, with images by content.
    document    jsonb       not null,
    -- {service: {"reference": "nginx:1.27", "id": "sha256:…"}}
    images      jsonb       not null,
    service     text        not null,
    scheme      text        not null check (scheme in ('http', 'https')),
    port        integer     not null check (port between 1 and 65535),
    status      text        not null check (status in ('starting', 'live', 'replaced', 'failed')),
    reason      text        not null default '',
    -- The end of what containers that failed had written.
    log         text        not null default '',
    -- The release whose images these are, where somebody went back to one.
    copy_of     integer,
    created_at  timestamptz not null default now(),
    primary key (app, number)
);

create unique index release_live on provisioner.release (app) where status = 'live';

-- Secrets that the lab made, sealed (AES-256-GCM) with the key file of the process: this database alone opens none.
create table provisioner.secret (
    app        text        not null,
    name       text        not null,
    sealed     bytea       not null,
    rotated_at timestamptz not null default now(),
    primary key (app, name)
);

-- The port of the loopback interface at which the proxy finds an app, kept for as long as the app is there.
create table provisioner.exposure (
    app  text    primary key,
    port integer not null unique check (port between 1 and 65535)
);
