public import LabPostgres

/// The migrations of the schema `lab`, which all services share.
public enum LabMigrations {
    public static let all = [
        PostgresMigration(
            name: "lab_0001_resources",
            sql: String(decoding: PackageResources.lab_0001_resources_sql, as: UTF8.self))
    ]
}
