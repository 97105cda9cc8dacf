-- What is declared, how true it is, and who works on it. Services change these tables through the functions below
-- only, so that generations, work and notifications can never be forgotten by a caller.

create table lab.resource (
    kind        text        not null,
    name        text        not null,
    id          uuid        not null,
    owner_kind  text,
    owner_name  text,
    spec        jsonb       not null,
    generation  bigint      not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    deleted_at  timestamptz,
    primary key (kind, name),
    check ((owner_kind is null) = (owner_name is null))
);
create index resource_owner on lab.resource (owner_kind, owner_name) where owner_kind is not null;

create table lab.condition (
    kind                text        not null,
    name                text        not null,
    type                text        not null,
    status              text        not null check (status in ('true', 'false', 'unknown')),
    reason              text        not null,
    message             text        not null,
    -- The numbers behind the message, for programs: {"milliseconds": 12.5}.
    observation         jsonb,
    observed_generation bigint      not null,
    observed_at         timestamptz not null default now(),
    transition_at       timestamptz not null default now(),
    primary key (kind, name, type),
    foreign key (kind, name) references lab.resource (kind, name) on delete cascade
);

-- One row for each resource that somebody must look at. `version` rises whenever it is woken, so that a wake-up
-- during a reconciliation is not lost with that reconciliation's end.
create table lab.work (
    kind          text        not null,
    name          text        not null,
    due_at        timestamptz not null,
    version       bigint      not null default 1,
    failures      integer     not null default 0,
    claimed_by    text,
    claimed_until timestamptz,
    primary key (kind, name)
) with (fillfactor = 70);
create index work_due on lab.work (kind, due_at);

create table lab.lease (
    name       text        primary key,
    holder     text        not null,
    expires_at timestamptz not null,
    epoch      bigint      not null default 1
);

-- The transactional outbox: a fact is written with the change that it tells, and relayed afterwards.
create table lab.event (
    sequence     bigint      generated always as identity primary key,
    id           uuid        not null unique,
    type         text        not null,
    kind         text,
    name         text,
    payload      jsonb       not null,
    occurred_at  timestamptz not null default now(),
    transaction  xid8        not null default pg_current_xact_id(),
    relayed_at   timestamptz
);
create index event_unrelayed on lab.event (sequence) where relayed_at is null;
create index event_subject on lab.event (kind, name, sequence);

create table lab.inbox (
    consumer    text        not null,
    event_id    uuid        not null,
    received_at timestamptz not null default now(),
    primary key (consumer, event_id)
);

create table lab.token (
    id           uuid        primary key,
    name         text        not null unique,
    hash         bytea       not null unique,
    scopes       text[]      not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz
);

create table lab.audit (
    sequence    bigint      generated always as identity primary key,
    at          timestamptz not null default now(),
    token       text        not null,
    operation   text        not null,
    subject     text,
    status      integer     not null
);
create index audit_at on lab.audit (at);

-- Marks resources to be looked at now. Callers notify once, at their end.
create function lab.wake(kinds text[], names text[]) returns void
language sql as $$
    insert into lab.work as w (kind, name, due_at)
    select distinct k, n, now() from unnest(kinds, names) as t (k, n)
    order by 1, 2
    on conflict (kind, name) do update set due_at = now(), version = w.version + 1, failures = 0
$$;

-- Declares resources: [{kind, name, id, owner_kind, owner_name, spec, generation?}]. An equal spec changes nothing; a
-- resource that was being removed is declared anew. With `generation`, only that generation is replaced.
create function lab.declare(items jsonb)
returns table (kind text, name text, generation bigint, created boolean, changed boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    clash record;
begin
    -- Owners must agree: a declared thing has one owner for its whole life.
    select r.kind, r.name, r.owner_kind, r.owner_name into clash
    from jsonb_to_recordset(items) as i (kind text, name text, owner_kind text, owner_name text)
    join lab.resource r using (kind, name)
    where (r.owner_kind, r.owner_name) is distinct from (i.owner_kind, i.owner_name)
    limit 1;
    if found then
        raise exception using errcode = 'LB409',
            message = format('%s %s is already declared by %s', clash.kind, clash.name,
                coalesce(clash.owner_kind || ' ' || clash.owner_name, 'a person'));
    end if;
    select r.kind, r.name, r.generation into clash
    from jsonb_to_recordset(items) as i (kind text, name text, generation bigint)
    left join lab.resource r using (kind, name)
    where i.generation is not null and i.generation is distinct from coalesce(r.generation, 0)
    limit 1;
    if found then
        raise exception using errcode = 'LB412',
            message = format('%s %s is at generation %s', clash.kind, clash.name, coalesce(clash.generation, 0));
    end if;

    return query
    with given as (
        select * from jsonb_to_recordset(items)
            as i (kind text, name text, id uuid, owner_kind text, owner_name text, spec jsonb)
        order by 1, 2
    ), written as (
        insert into lab.resource as r (kind, name, id, owner_kind, owner_name, spec)
        select g.kind, g.name, g.id, g.owner_kind, g.owner_name, g.spec from given g
        on conflict (kind, name) do update
            set spec = excluded.spec, generation = r.generation + 1, updated_at = now(), deleted_at = null
            where r.spec is distinct from excluded.spec or r.deleted_at is not null
        returning r.kind, r.name, r.generation, (xmax = 0) as created
    ), woken as (
        insert into lab.work as w (kind, name, due_at)
        select t.kind, t.name, now() from written t
        on conflict (kind, name) do update set due_at = now(), version = w.version + 1, failures = 0
    )
    select g.kind, g.name, coalesce(t.generation, r.generation), coalesce(t.created, false), t.kind is not null
    from given g
    left join written t using (kind, name)
    left join lab.resource r using (kind, name);

    perform pg_notify('lab_work', k) from (
        select distinct i.kind from jsonb_to_recordset(items) as i (kind text)) as t (k);
end
$$;

-- Marks resources as to be removed: [{kind, name}]. Their reconcilers take them away and purge them.
create function lab.remove(items jsonb)
returns table (kind text, name text)
language plpgsql as $$
#variable_conflict use_column
begin
    return query
    with marked as (
        update lab.resource r
        set deleted_at = now(), generation = r.generation + 1, updated_at = now()
        from jsonb_to_recordset(items) as i (kind text, name text)
        where r.kind = i.kind and r.name = i.name and r.deleted_at is null
        returning r.kind, r.name
    ), woken as (
        insert into lab.work as w (kind, name, due_at)
        select m.kind, m.name, now() from marked m order by 1, 2
        on conflict (kind, name) do update set due_at = now(), version = w.version + 1, failures = 0
    )
    select m.kind, m.name from marked m;

    perform pg_notify('lab_work', k) from (
        select distinct i.kind from jsonb_to_recordset(items) as i (kind text)) as t (k);
end
$$;

-- Writes events: [{id, type, kind, name, payload}].
create function lab.tell(items jsonb) returns void
language plpgsql as $$
begin
    if jsonb_array_length(items) = 0 then return; end if;
    insert into lab.event (id, type, kind, name, payload)
    select i.id, i.type, i.kind, i.name, coalesce(i.payload, '{}'::jsonb)
    from jsonb_to_recordset(items) as i (id uuid, type text, kind text, name text, payload jsonb);
    perform pg_notify('lab_event', '');
end
$$;

-- Takes due work of a kind for a replica, for a limited time: a replica that dies is followed by another. A replica
-- asks when it has ended what it took before, so claims of its own that are still there were broken off.
create function lab.claim(work_kind text, replica text, at_most integer, seconds double precision)
returns table (name text, version bigint, failures integer)
language sql as $$
    update lab.work w
    set claimed_by = replica, claimed_until = now() + make_interval(secs => seconds)
    from (
        select c.name from lab.work c
        where c.kind = work_kind and c.due_at <= now()
            and (c.claimed_until is null or c.claimed_until <= now() or c.claimed_by = replica)
        order by c.due_at
        limit at_most
        for update skip locked
    ) as due
    where w.kind = work_kind and w.name = due.name
    returning w.name, w.version, w.failures
$$;

-- Milliseconds until something of a kind is due or a claim runs out; null when nothing waits.
create function lab.next_due(work_kind text) returns double precision
language sql stable as $$
    select extract(epoch from min(greatest(due_at, coalesce(claimed_until, due_at))) - now()) * 1000
    from lab.work where kind = work_kind
$$;

-- Ends reconciliations, all of a batch in one transaction:
-- [{kind, name, generation, version, failures, again (ms or null), purge, conditions: [{type, status, reason,
--   message, observation}], declare: […], remove: […], events: […]}]
create function lab.complete(items jsonb) returns void
language plpgsql as $$
#variable_conflict use_column
declare
    kinds text[];
    changed boolean := false;
begin
    perform lab.declare(d) from (
        select jsonb_agg(x) as d from jsonb_array_elements(items) i, jsonb_array_elements(i -> 'declare') x) as t
    where d is not null;
    perform lab.remove(d) from (
        select jsonb_agg(x) as d from jsonb_array_elements(items) i, jsonb_array_elements(i -> 'remove') x) as t
    where d is not null;

    with given as (
        select i.kind, i.name, i.generation, c.type, c.status, c.reason, c.message, c.observation
        from jsonb_to_recordset(items) as i (kind text, name text, generation bigint, conditions jsonb)
        join lab.resource r on r.kind = i.kind and r.name = i.name,
        jsonb_to_recordset(i.conditions)
            as c (type text, status text, reason text, message text, observation jsonb)
        order by 1, 2, 4
    ), written as (
        insert into lab.condition as c (kind, name, type, status, reason, message, observation, observed_generation)
        select g.kind, g.name, g.type, g.status, g.reason, g.message, g.observation, g.generation from given g
        on conflict (kind, name, type) do update
            set status = excluded.status, reason = excluded.reason, message = excluded.message,
                observation = excluded.observation, observed_generation = excluded.observed_generation, observed_at = now(),
                transition_at = case when c.status = excluded.status then c.transition_at else now() end
            where (c.status, c.reason, c.message, c.observation, c.observed_generation) is distinct from
                (excluded.status, excluded.reason, excluded.message, excluded.observation,
                    excluded.observed_generation)
        returning c.kind, c.name
    ), purged as (
        delete from lab.resource r
        using jsonb_to_recordset(items) as i (kind text, name text, generation bigint, purge boolean)
        where i.purge and r.kind = i.kind and r.name = i.name and r.deleted_at is not null
            and r.generation = i.generation
            and not exists (select from lab.resource o where o.owner_kind = i.kind and o.owner_name = i.name)
        returning r.kind, r.name, r.owner_kind, r.owner_name
    ), owners as (
        select distinct r.owner_kind, r.owner_name from written t
        join lab.resource r on r.kind = t.kind and r.name = t.name where r.owner_kind is not null
        union
        select p.owner_kind, p.owner_name from purged p where p.owner_kind is not null
    ), woken as (
        insert into lab.work as w (kind, name, due_at)
        select o.owner_kind, o.owner_name, now() from owners o
        join lab.resource r on r.kind = o.owner_kind and r.name = o.owner_name
        order by 1, 2
        on conflict (kind, name) do update set due_at = now(), version = w.version + 1, failures = 0
        returning w.kind
    )
    select (select array_agg(distinct kind) from woken),
        exists (select from written) or exists (select from purged)
    into kinds, changed;

    -- Who was woken meanwhile stays due; the rest is done, or looked at again after the time asked for.
    delete from lab.work w
    using jsonb_to_recordset(items) as i (kind text, name text, version bigint, again double precision)
    where w.kind = i.kind and w.name = i.name and w.version = i.version and i.again is null;
    update lab.work w
    set claimed_by = null, claimed_until = null, failures = i.failures,
        due_at = case when w.version = i.version and i.again is not null
            then now() + make_interval(secs => i.again / 1000) else w.due_at end
    from jsonb_to_recordset(items)
        as i (kind text, name text, version bigint, failures integer, again double precision)
    where w.kind = i.kind and w.name = i.name;

    perform lab.tell(e) from (
        select jsonb_agg(x) as e from jsonb_array_elements(items) i, jsonb_array_elements(i -> 'events') x) as t
    where e is not null;
    if kinds is not null then
        perform pg_notify('lab_work', k) from unnest(kinds) as t (k);
    end if;
    if changed then
        perform pg_notify('lab_condition', '');
    end if;
end
$$;

-- Takes or renews a lease; true when the caller holds it now.
create function lab.acquire_lease(wanted text, replica text, seconds double precision) returns boolean
language plpgsql as $$
begin
    insert into lab.lease as l (name, holder, expires_at)
    values (wanted, replica, now() + make_interval(secs => seconds))
    on conflict (name) do update
        set holder = excluded.holder, expires_at = excluded.expires_at,
            epoch = l.epoch + case when l.holder = excluded.holder then 0 else 1 end
        where l.holder = excluded.holder or l.expires_at <= now();
    return found;
end
$$;

create function lab.release_lease(wanted text, replica text) returns void
language sql as $$
    delete from lab.lease where name = wanted and holder = replica;
$$;

-- What a service's role may do here: read everything, and write through the functions above, which run with the
-- owner's rights. Tokens, the audit log and the inbox are plain rows that every service's API keeps.
do $$
declare
    f regprocedure;
begin
    for f in select p.oid::regprocedure from pg_proc p where p.pronamespace = 'lab'::regnamespace loop
        execute format('alter function %s security definer set search_path = pg_catalog, pg_temp', f);
        execute format('revoke execute on function %s from public', f);
    end loop;
end
$$;

-- Makes the login role of a service, with its rights: its own schema, and the shared one as said above.
create function lab.ensure_service_role(role_name text, role_password text, own_schema text) returns void
language plpgsql as $$
declare
    shared text;
begin
    if not exists (select from pg_roles where rolname = role_name) then
        execute format('create role %I login', role_name);
    end if;
    execute format('alter role %I login password %L', role_name, role_password);
    execute format('grant usage on schema lab to %I', role_name);
    execute format('grant select on all tables in schema lab to %I', role_name);
    execute format('grant insert, update, delete on lab.token, lab.inbox to %I', role_name);
    execute format('grant insert on lab.audit to %I', role_name);
    execute format('grant update (relayed_at), delete on lab.event to %I', role_name);
    foreach shared in array array[
        'wake(text[], text[])', 'declare(jsonb)', 'remove(jsonb)', 'tell(jsonb)',
        'claim(text, text, integer, double precision)', 'next_due(text)', 'complete(jsonb)',
        'acquire_lease(text, text, double precision)', 'release_lease(text, text)']
    loop
        execute format('grant execute on function lab.%s to %I', shared, role_name);
    end loop;
    if own_schema is not null then
        execute format('create schema if not exists %I', own_schema);
        execute format('grant usage on schema %I to %I', own_schema, role_name);
        execute format('grant select, insert, update, delete on all tables in schema %I to %I', own_schema, role_name);
        execute format('grant usage on all sequences in schema %I to %I', own_schema, role_name);
    end if;
end
$$;
revoke execute on function lab.ensure_service_role(text, text, text) from public;
