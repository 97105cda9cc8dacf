-- What was ever written beside an app's Compose file, also for releases that are not kept any more or were never made:
-- it lies in the app's folder still, and goes with the app.

create table provisioner.written_file (
    app  text not null,
    path text not null,
    primary key (app, path)
);

insert into provisioner.written_file (app, path)
select distinct app, jsonb_object_keys(files) from provisioner.release;
