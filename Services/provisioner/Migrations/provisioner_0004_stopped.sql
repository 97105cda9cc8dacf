-- The apps that the lab stopped, because somebody asked for it: a start begins with what it finds stopped, also where the
-- app says that changes by hand are only to be shown.

create table provisioner.stopped (
    app text primary key
);
