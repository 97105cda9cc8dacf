import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit
import LabServers
import Logging
import ServiceLifecycle
import UnixSignals

/// `lab serve dns-manager`: services with a database and a broker that are elsewhere, configured by the environment.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run one or more services, configured by the environment.",
        discussion: """
            Needs LAB_DATABASE_URL, LAB_MQTT_HOST and what the service's README lists. Any setting can come from a \
            file: LAB_MQTT_PASSWORD_FILE names the file with the value of LAB_MQTT_PASSWORD.
            """)

    @Argument(help: "Which services.", completion: .list(labServices.map { $0.name }))
    var services: [String]

    @Flag(
        help: ArgumentHelp(
            "Run nginx too, as a child, for the proxy router.",
            discussion: "For a container: the proxy router then needs no nginx beside it."))
    var withNginx = false

    func run() async throws {
        let types = try services.map { try ServiceNames.service($0) }
        let settings = LabSettings(try Self.environment())
        let logger = LabLogging.start(level: settings["LAB_LOG_LEVEL"])
        let host = LabHost(types, settings: settings, logger: logger) { facts in
            logger.notice(
                "Ready", metadata: ["services": "\(services.joined(separator: " "))", "port": "\(facts.port)"])
        }
        var members: [any Service] = [host]
        if withNginx { members.insert(try SupervisedNginx(settings, logger: logger), at: 0) }
        var configuration = ServiceGroupConfiguration(
            services: members.map {
                .init(
                    service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .cancelGroup)
            },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(15)
        try await ServiceGroup(configuration: configuration).run()
    }

    /// The environment, with `KEY_FILE` read as `KEY` where `KEY` itself is not set.
    private static func environment() throws -> [String: String] {
        var values = ProcessInfo.processInfo.environment
        for (key, path) in values where key.hasPrefix("LAB_") && key.hasSuffix("_FILE") {
            let name = String(key.dropLast("_FILE".count))
            guard secretKeys.contains(where: name.hasPrefix), values[name] == nil else { continue }
            guard let data = FileManager.default.contents(atPath: path) else {
                throw CommandFault("\(key) names \(path), which cannot be read")
            }
            values[name] = String(decoding: data, as: UTF8.self).trimmed
        }
        return values
    }

    /// What may come from a file; other keys that end in `_FILE` mean the file itself.
    private static let secretKeys = [
        "LAB_DATABASE_URL", "LAB_DATABASE_OWNER_URL", "LAB_DATABASE_PASSWORD", "LAB_MQTT_PASSWORD", "LAB_ADMIN_TOKEN",
    ]
}

/// The nginx of the proxy router as a child of this process, where both share a container.
private struct SupervisedNginx: Service {
    private let supervisor: ServerSupervisor

    /// From `LAB_NGINX_DIR`, `LAB_HTTP_PORT`, `LAB_PROXY_LISTEN` and `LAB_NGINX_CONF`.
    init(_ settings: LabSettings, logger: Logger) throws {
        let directory = settings["LAB_NGINX_DIR"] ?? "/var/lib/lab/nginx"
        let addresses = (settings["LAB_PROXY_LISTEN"] ?? ListenAddress.loopback).split(separator: ",").map(String.init)
        let server = NginxServer(
            directory: directory, ports: [try settings.integer("LAB_HTTP_PORT", in: 1...65_535, default: 80)],
            listenAddresses: addresses, configurationFile: settings["LAB_NGINX_CONF"])
        supervisor = try ServerSupervisor(
            stateDirectory: directory + "/process", servers: [server], logger: logger)
    }

    func run() async throws {
        try await cancelWhenGracefulShutdown { try await supervisor.run() }
    }
}
