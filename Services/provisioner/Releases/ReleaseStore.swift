import FoundationEssentials
import LabCore
import LabPostgres
import LabState

/// The releases of apps, in the table `provisioner.release`.
struct ReleaseStore: Sendable {
    let postgres: PostgresClient

    /// The releases of an app, newest first.
    func releases(of app: AppName, limit: Int = 50) async throws -> [Release] {
        try await postgres.query(
            """
            select number, source_hash, compose, document::text, files::text, images::text, service, scheme, port,
                status, reason, log, copy_of, created_at
            from provisioner.release where app = \(app.text) order by number desc limit \(Int32(limit))
            """
        ).map { row in
            let files = JSONText(trusted: try row.value("files"))
            let images = JSONText(trusted: try row.value("images"))
            return Release(
                app: app, number: Int(try row.value("number", as: Int32.self)),
                sourceHash: try row.value("source_hash"), compose: try row.value("compose"),
                files: try files.decode([String: String].self),
                document: JSONText(trusted: try row.value("document")),
                images: try images.decode([String: Release.Image].self),
                service: try row.value("service"), scheme: try row.value("scheme"),
                port: Int(try row.value("port", as: Int32.self)),
                status: Release.Status(rawValue: try row.value("status")) ?? .failed,
                reason: try row.value("reason"), log: try row.value("log"),
                copyOf: try row.value("copy_of", as: Int32?.self).map(Int.init),
                createdAt: try row.value("created_at", as: Date.self))
        }
    }

    /// Adds a release that is being started.
    func add(
        _ app: AppName, _ source: ComposeSource, document: JSONText, images: [String: Release.Image], service: String,
        scheme: String, port: Int
    ) async throws -> Release {
        try await postgres.query(
            """
            insert into provisioner.release
                (app, number, source_hash, compose, files, document, images, service, scheme, port, copy_of, status)
            select \(app.text), coalesce(max(number), 0) + 1, \(source.hash), \(source.text.text),
                \(PostgresJSON(JSONText(encoding: source.files).text)), \(PostgresJSON(document.text)),
                \(PostgresJSON(JSONText(encoding: images).text)), \(service), \(scheme), \(Int32(port)),
                \(source.release.map { Int32($0) }), 'starting'
            from provisioner.release where app = \(app.text)
            """)
        guard let release = try await releases(of: app, limit: 1).first else {
            throw Problem(.internalFault, title: "A release was not stored", detail: "App \(app)")
        }
        return release
    }

    /// Says that a release runs now, and that the one before does not.
    func makeLive(_ release: Release) async throws {
        try await postgres.withTransaction { connection in
            try await connection.query(
                """
                update provisioner.release set status = 'replaced'
                where app = \(release.app.text) and status = 'live' and number <> \(Int32(release.number))
                """)
            try await connection.query(
                """
                update provisioner.release set status = 'live', reason = ''
                where app = \(release.app.text) and number = \(Int32(release.number))
                """)
        }
    }

    func fail(_ release: Release, reason: String, log: String) async throws {
        try await postgres.query(
            """
            update provisioner.release set status = 'failed', reason = \(reason), log = \(log)
            where app = \(release.app.text) and number = \(Int32(release.number))
            """)
    }

    func removeAll(of app: AppName) async throws {
        try await postgres.query("delete from provisioner.release where app = \(app.text)")
        try await postgres.query("delete from provisioner.exposure where app = \(app.text)")
    }

    /// The port that the app was given, or a new one of those offered.
    ///
    /// - Parameter candidate: makes a port that nothing listens on.
    func port(of app: AppName, _ candidate: () -> Int) async throws -> Int {
        for _ in 0..<20 {
            let rows = try await postgres.query("select port from provisioner.exposure where app = \(app.text)")
            if let row = rows.first { return Int(try row.value(at: 0, as: Int32.self)) }
            try await postgres.query(
                """
                insert into provisioner.exposure (app, port) values (\(app.text), \(Int32(candidate())))
                on conflict do nothing
                """)
        }
        throw Problem(.unavailable, title: "No port is free", detail: "no port of 127.0.0.1 was found for App \(app)")
    }
}
