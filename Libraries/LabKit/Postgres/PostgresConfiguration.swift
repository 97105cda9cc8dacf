import CLibpq
public import LabCore

/// Where the database is, who we are there, and how many connections we may have.
public struct PostgresConfiguration: Sendable {
    /// A host name or address, or a directory (a path that begins with `/`) with the server's Unix socket.
    public var host: String
    public var port: Int
    public var user: String
    public var password: Secret<String>?
    public var database: String
    /// What `pg_stat_activity` shows.
    public var applicationName: String
    /// A role to act as (`SET ROLE`), when it is not the user's own.
    public var role: String?
    /// How many connections the pool opens at most; each listener for notifications has one more of its own.
    public var maximumConnections: Int
    /// How long a caller waits for a connection.
    public var waitTimeout: Duration
    /// How long one attempt to connect may take.
    public var connectTimeout: Duration
    /// How long one statement may run (the server ends it); nil for as long as it takes.
    public var statementTimeout: Duration?
    /// Further parameters of libpq, such as `sslmode` (PostgreSQL's documentation, 34.1.2).
    public var parameters: [String: String]

    public init(
        host: String = "127.0.0.1", port: Int = 5432, user: String, password: Secret<String>? = nil, database: String,
        applicationName: String = "lab", role: String? = nil, maximumConnections: Int = 8,
        waitTimeout: Duration = .seconds(5), connectTimeout: Duration = .seconds(5),
        statementTimeout: Duration? = nil, parameters: [String: String] = [:]
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
        self.database = database
        self.applicationName = applicationName
        self.role = role
        self.maximumConnections = maximumConnections
        self.waitTimeout = waitTimeout
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.parameters = parameters
    }

    /// Takes what libpq takes: `postgres://user:password@host:port/database?sslmode=require`, or
    /// `host=… port=… user=… password=… dbname=…`.
    ///
    /// - Throws: a ``PostgresError`` of kind usage, which does not repeat the string, for it may hold a password.
    public init(connectionString: String) throws {
        guard let options = PQconninfoParse(connectionString, nil) else {
            throw PostgresError(
                .usage, "the connection string cannot be read",
                hint: "Give postgres://user:password@host:port/database, with other characters than letters and digits "
                    + "percent-encoded, or host=… port=… user=… password=… dbname=…")
        }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        let port = values.removeValue(forKey: "port") ?? "5432"
        guard let portNumber = Int(port), (1...65_535).contains(portNumber) else {
            throw PostgresError(
                .usage, "the connection string's port is not one number", hint: "Give a port from 1 to 65535")
        }
        let user = values.removeValue(forKey: "user") ?? "postgres"
        self.init(
            host: values.removeValue(forKey: "host") ?? "127.0.0.1", port: portNumber, user: user,
            password: values.removeValue(forKey: "password").map { Secret($0) },
            database: values.removeValue(forKey: "dbname") ?? user)
        if let name = values.removeValue(forKey: "application_name") { applicationName = name }
        if let timeout = values.removeValue(forKey: "connect_timeout").flatMap({ Int($0) }), timeout > 0 {
            connectTimeout = .seconds(timeout)
        }
        parameters = values
    }

    /// The server, for messages.
    var address: String {
        host.hasPrefix("/") ? "\(host)/.s.PGSQL.\(port), database \(database)" : "\(host):\(port), database \(database)"
    }

    /// What libpq is given.
    var connectionParameters: [String: String] {
        var all = parameters
        all["host"] = host
        all["port"] = String(port)
        all["user"] = user
        all["dbname"] = database
        all["application_name"] = applicationName
        all["client_encoding"] = "UTF8"
        if let password { all["password"] = password.reveal() }
        // A peer that vanished without a word is noticed within a minute.
        for (name, value) in [
            ("keepalives_idle", "20"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "40000"),
        ] where all[name] == nil {
            all[name] = value
        }
        all["options"] = ((parameters["options"].map { [$0] } ?? []) + sessionOptions).joined(separator: " ")
        return all
    }

    /// Settings of each session: the text forms that this module reads, and what the caller wants.
    private var sessionOptions: [String] {
        var settings = [
            "DateStyle=ISO", "IntervalStyle=iso_8601", "TimeZone=UTC", "bytea_output=hex", "extra_float_digits=1",
        ]
        if let statementTimeout { settings.append("statement_timeout=\(Int64(statementTimeout.milliseconds))") }
        if let role { settings.append("role=\(role)") }
        return settings.map { setting in
            let escaped = setting.map { $0 == " " || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
            return "-c \(escaped)"
        }
    }
}
