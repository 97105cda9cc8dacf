-- What releases that are not kept any more had beside their Compose files: it lies in the app's folder still, and goes
-- with the app.

create table provisioner.written_file (
    app  text not null,
    path text not null,
    primary key (app, path)
);
