import FoundationEssentials
import LabCore
import LabPostgres
import LabState

/// The releases of apps, in the table `provisioner.release`.
struct ReleaseStore: Sendable {
    let postgres: PostgresClient

    /// All releases of an app that are kept, newest first.
    func releases(of app: AppName) async throws -> [Release] {
        try await find(app, number: nil, isHead: false)
    }

    /// One release; nil when there is none of the number.
    func release(_ number: Int, of app: AppName) async throws -> Release? {
        guard let number = Int32(exactly: number) else { return nil }
        return try await find(app, number: number, isHead: false).first
    }

    /// The releases that say where an app stands, without all the others.
    func head(of app: AppName) async throws -> ReleaseHead {
        ReleaseHead(try await find(app, number: nil, isHead: true))
    }

    private func find(_ app: AppName, number: Int32?, isHead: Bool) async throws -> [Release] {
        try await postgres.query(
            """
            select number, source_hash, compose, document::text, files::text, images::text, service, scheme,
                coalesce((select port from provisioner.exposure where app = release.app), port) as port,
                status, reason, log, copy_of, actor, message, created_at
            from provisioner.release
            where app = \(app.text) and (\(number)::integer is null or number = \(number))
                and (not \(isHead) or status = 'live' or number in (
                    select max(number) from provisioner.release where app = \(app.text)
                    union
                    select max(number) from provisioner.release where app = \(app.text) and status = 'replaced'))
            order by number desc
            """
        ).map { try Release($0, app) }
    }

    /// Adds a release that is being started.
    func add(
        _ app: AppName, _ source: ComposeSource, document: JSONText, images: [String: Release.Image], service: String,
        scheme: String, port: Int
    ) async throws -> Release {
        try await postgres.query(
            """
            insert into provisioner.release
                (app, number, source_hash, compose, files, document, images, service, scheme, port, copy_of, actor,
                message, status)
            select \(app.text), coalesce(max(number), 0) + 1, \(source.hash), \(source.text.text),
                \(PostgresJSON(JSONText(encoding: source.files).text)), \(PostgresJSON(document.text)),
                \(PostgresJSON(JSONText(encoding: images).text)), \(service), \(scheme), \(Int32(port)),
                \(source.release.map { Int32($0) }), \(source.actor), \(source.message), 'starting'
            from provisioner.release where app = \(app.text)
            """)
        guard let release = try await head(of: app).newest else {
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

    /// Says that a release did not come up, and that the one before runs.
    func fail(_ release: Release, reason: String, log: String, former: Release?) async throws {
        try await postgres.withTransaction { connection in
            try await connection.query(
                """
                update provisioner.release set status = 'failed', reason = \(reason.storable), log = \(log.storable)
                where app = \(release.app.text) and number = \(Int32(release.number))
                """)
            guard let former else { return }
            try await connection.query(
                """
                update provisioner.release set status = 'live'
                where app = \(former.app.text) and number = \(Int32(former.number))
                """)
        }
    }

    /// Says that a release did not come up, and that nothing else runs in its place.
    func leaveStanding(_ release: Release, reason: String, log: String) async throws {
        try await postgres.withTransaction { connection in
            try await connection.query(
                """
                update provisioner.release set status = 'replaced'
                where app = \(release.app.text) and status = 'live'
                """)
            try await connection.query(
                """
                update provisioner.release set status = 'failed', reason = \(reason.storable), log = \(log.storable)
                where app = \(release.app.text) and number = \(Int32(release.number))
                """)
        }
    }

    func remove(_ releases: [Release]) async throws {
        for release in releases {
            try await postgres.query(
                """
                delete from provisioner.release
                where app = \(release.app.text) and number = \(Int32(release.number))
                """)
        }
    }

    /// Notes what is about to be written beside an app's Compose file, whatever becomes of its release.
    func noteWritten(_ paths: [String], of app: AppName) async throws {
        try await postgres.query(
            """
            insert into provisioner.written_file (app, path) select \(app.text), unnest(\(paths)::text[])
            on conflict do nothing
            """)
    }

    /// Forgets what does not lie there any more, or is the app's own now.
    func forgetWritten(_ paths: [String], of app: AppName) async throws {
        try await postgres.query(
            "delete from provisioner.written_file where app = \(app.text) and path = any(\(paths)::text[])")
    }

    /// Notes that the lab stopped an app, so that what a start finds stopped was not stopped by hand.
    func noteStopped(_ app: AppName) async throws {
        try await postgres.query("insert into provisioner.stopped (app) values (\(app.text)) on conflict do nothing")
    }

    func isStopped(_ app: AppName) async throws -> Bool {
        try await !postgres.query("select 1 from provisioner.stopped where app = \(app.text)").isEmpty
    }

    func forgetStopped(_ app: AppName) async throws {
        try await postgres.query("delete from provisioner.stopped where app = \(app.text)")
    }

    /// What was ever written there.
    func writtenFiles(of app: AppName) async throws -> Set<String> {
        let rows = try await postgres.query(
            "select path from provisioner.written_file where app = \(app.text)")
        return Set(try rows.map { try $0.value(at: 0, as: String.self) })
    }

    func removeAll(of app: AppName) async throws {
        try await postgres.query("delete from provisioner.written_file where app = \(app.text)")
        try await forgetStopped(app)
        try await postgres.query("delete from provisioner.release where app = \(app.text)")
        try await postgres.query("delete from provisioner.exposure where app = \(app.text)")
    }

    /// Gives the app another port, because something holds the one that it has.
    ///
    /// - Parameter candidate: makes a port that nothing listens on.
    func movePort(of app: AppName, _ candidate: () -> Int) async throws -> Int {
        try await postgres.query("delete from provisioner.exposure where app = \(app.text)")
        return try await port(of: app, candidate)
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

extension Release {
    /// From a row of the table.
    fileprivate init(_ row: PostgresRow, _ app: AppName) throws {
        let files = JSONText(trusted: try row.value("files"))
        let images = JSONText(trusted: try row.value("images"))
        self.init(
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
            actor: try row.value("actor"), message: try row.value("message"),
            createdAt: try row.value("created_at", as: Date.self))
    }
}

extension String {
    /// What containers and programs wrote may have a NUL, which PostgreSQL takes into no text.
    fileprivate var storable: String { replacing("\0", with: "\u{FFFD}") }
}
