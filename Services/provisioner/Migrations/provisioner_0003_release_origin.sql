-- Who made a release, and why: the name of the token, and what was said with it. Why a release failed stays in reason.

alter table provisioner.release
    add column actor   text not null default '',
    add column message text not null default '';
