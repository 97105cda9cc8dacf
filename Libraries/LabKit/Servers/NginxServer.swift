import Glibc

/// A private nginx 1.22, whose configuration its caller writes.
///
/// The caller owns ``configurationFile`` and replaces it, then sends a reload. It must say `daemon off;` nowhere (the
/// command line does), and should keep its paths inside ``directory``, as ``baseConfiguration`` does.
public struct NginxServer: ManagedServer {
    public let name = "nginx"
    public let directory: String
    /// The complete nginx.conf. ``baseConfiguration`` is put there when it is missing.
    public let configurationFile: String
    /// The ports of 127.0.0.1 that the configuration listens on; checked before the start, and the first one is asked
    /// whether nginx answers.
    public let ports: [Int]

    /// Where ``baseConfiguration`` listens. A reload cannot change 127.0.0.1 to 0.0.0.0 or back, since nginx opens the
    /// new sockets before it closes the old ones, so this is where the caller's configuration will listen.
    public let listenAddresses: [String]

    public init(
        directory: String, ports: [Int], listenAddresses: [String] = [ListenAddress.loopback],
        configurationFile: String? = nil
    ) {
        self.directory = directory
        self.ports = ports
        self.listenAddresses = listenAddresses
        self.configurationFile = configurationFile ?? "\(directory)/nginx.conf"
    }

    /// SIGQUIT lets requests finish, SIGTERM does not.
    public var stopSteps: [StopStep] {
        [StopStep(signal: .quit, patience: .seconds(3)), StopStep(signal: .terminate, patience: .seconds(3))]
    }

    /// The master's pid, as nginx writes it.
    public var pidFile: String { "\(directory)/nginx.pid" }
    /// Files of this folder that end in `.conf` are included in the http block of ``baseConfiguration``.
    public var siteDirectory: String { "\(directory)/conf.d" }

    public func prepare() async throws {
        for address in listenAddresses { try ListenAddress.check(address, server: name) }
        // The workers of a root master are www-data and must reach the temporary paths.
        try Files.makeDirectory(directory, mode: 0o711)
        if let account = try workerAccount, let obstacle = account.obstacle(onTheWayTo: directory) {
            throw ServerError.unreachable(server: name, account: account.name, directory: obstacle)
        }
        try Files.makeDirectory("\(directory)/temporary", mode: 0o711)
        try Files.makeDirectory(siteDirectory)
        if !Files.exists(configurationFile) {
            try Files.write(try baseConfiguration, to: configurationFile)
        }
        Files.remove(pidFile)
    }

    private var workerAccount: ServiceAccount? {
        get throws(ServerError) { try ServiceAccount.ifRoot("www-data", for: name) }
    }

    /// A whole configuration that answers 404 on the first port until the folder ``siteDirectory`` has sites. Who
    /// writes a configuration of their own does well to begin with ``preamble``.
    public var baseConfiguration: String {
        get throws(ServerError) {
            let listener = ports.first.map { port in
                let listen = listenAddresses.map { "        listen \($0):\(port) default_server;\n" }.joined()
                return "    server {\n\(listen)        return 404;\n    }\n"
            }
            return """
                \(try preamble)
                http {
                    access_log off;
                    server_tokens off;
                    client_body_temp_path \(directory)/temporary/body;
                    proxy_temp_path \(directory)/temporary/proxy;
                    fastcgi_temp_path \(directory)/temporary/fastcgi;
                    uwsgi_temp_path \(directory)/temporary/uwsgi;
                    scgi_temp_path \(directory)/temporary/scgi;
                    include \(siteDirectory)/*.conf;
                \(listener ?? "")}

                """
        }
    }

    /// The directives of the main context: user, workers, pid, log and events.
    public var preamble: String {
        get throws(ServerError) {
            let user = try workerAccount.map { "user \($0.name);\n" } ?? ""
            return """
                \(user)worker_processes 2;
                pid \(pidFile);
                error_log stderr warn;
                worker_shutdown_timeout 10s;
                events {
                    worker_connections 1024;
                }
                """
        }
    }

    public func command() throws -> ServerCommand {
        ServerCommand(
            executable: try Program.find("nginx"),
            // -e: before it has read its configuration nginx would log to /var/log.
            arguments: ["-e", "stderr", "-p", "\(directory)/", "-c", configurationFile, "-g", "daemon off;"])
    }

    /// The first port accepts; without ports, the master has written its pid.
    public func isReady() async -> Bool {
        guard let port = ports.first else { return Files.exists(pidFile) }
        guard let socket = LoopbackSocket(port: port) else { return false }
        return await socket.isAccepted()
    }
}
